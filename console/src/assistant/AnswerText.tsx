/** Shows CommonMark without raw HTML, images and links: an answer that is still being written, or has no diagnosis. */
import Markdown from 'react-markdown'
import classes from './assistant.module.css'

export function AnswerText({ text }: { text: string }) {
  return (
    <div className={classes.markdown}>
      <Markdown skipHtml unwrapDisallowed disallowedElements={['img', 'a']}>
        {text}
      </Markdown>
    </div>
  )
}
