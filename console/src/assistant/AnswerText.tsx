/** Shows CommonMark without raw HTML and images; links lead to the passages that the answer cites, and nowhere else. */
import { Anchor } from '@mantine/core'
import { useMemo } from 'react'
import Markdown, { type Components } from 'react-markdown'
import classes from './assistant.module.css'
import type { Message } from './operations'

export function AnswerText({ text, citations }: { text: string; citations: Message['citations'] }) {
  const components = useMemo<Components>(
    () => ({
      a: ({ href, children }) =>
        citations.some(({ url }) => url === href && isOurs(url)) ? (
          <Anchor href={href} target="_blank" rel="noopener" inherit>
            {children}
          </Anchor>
        ) : (
          children
        ),
    }),
    [citations],
  )
  if (!text) return null
  return (
    <div className={classes.markdown}>
      <Markdown skipHtml disallowedElements={['img']} components={components}>
        {text}
      </Markdown>
    </div>
  )
}

/** A path on this server: `//host` is none. */
export function isOurs(url: string): boolean {
  return /^\/(?![/\\])/.test(url)
}
