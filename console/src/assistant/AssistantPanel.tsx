/** The support assistant's chat, with *Talk to a person* always visible. */
import { ActionIcon, Anchor, Button, Group, Text, Title, Tooltip } from '@mantine/core'
import { IconHistory, IconMessagePlus, IconX } from '@tabler/icons-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useQuery } from 'urql'
import { ApiKeyQuery } from '../api-keys/operations'
import { useAssistant } from '../shared/assistant-context'
import { useSignedIn } from '../shared/viewer'
import classes from './assistant.module.css'
import { ChatLog } from './ChatLog'
import { Composer } from './Composer'
import { Conversations } from './Conversations'
import { useLookedAt } from './looked-at'
import { Starters } from './Starters'
import { TalkToAPerson } from './TalkToAPerson'
import { type About, useChat } from './use-chat'
import { useFollow } from './use-follow'
import { useHandOver } from './use-hand-over'

type View = 'chat' | 'conversations' | 'person'

export function AssistantPanel() {
  const { opened, covers, subject, asked, taken, close } = useAssistant()
  const [view, setView] = useState<View>('chat')
  const [draft, setDraft] = useState('')
  const [note, setNote] = useState('')
  const composer = useRef<HTMLTextAreaElement>(null)
  const scroller = useRef<HTMLDivElement>(null)
  // The text is added after what was typed in the meantime.
  const takeBack = useCallback((text: string) => setDraft((now) => (now ? `${now}\n${text}` : text)), [])
  const chat = useChat(takeBack)
  const handing = useHandOver(chat.conversation, chat.handedOver, setNote)
  // Another conversation must not be opened now: it would get this one's answer.
  const isBusy = chat.isAsking || handing.submission.isPending
  const about = useAbout(subject.apiKeyId)
  const last = chat.entries.at(-1)
  const question = chat.entries.findLast((each) => each.author === 'PERSON')?.key
  const ticketId = chat.conversation?.ticket?.id
  const grown = [view, last?.key, last?.text, last?.message?.id, chat.isAsking, chat.error, ticketId].join()
  const { onScroll } = useFollow(scroller, grown, question)

  function send(message: string, also: About = {}) {
    if (chat.isAsking) return
    chat.takeBack()
    changeView('chat')
    chat.send(message, { apiKeyId: about.apiKeyId, ...also })
    composer.current?.focus()
  }

  function changeView(next: View) {
    if (view === 'person' && next !== 'person') handing.leave()
    setView(next)
  }

  function show(next: View) {
    changeView(next)
    if (next === 'chat') window.setTimeout(() => composer.current?.focus())
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: opening it is what moves the focus
  useEffect(() => {
    if (opened) composer.current?.focus()
  }, [opened, asked])

  // A question from elsewhere on the page is asked once, after the current one is answered.
  // biome-ignore lint/correctness/useExhaustiveDependencies: send is new with every rendering
  useEffect(() => {
    const { message, requestId, apiKeyId } = subject
    if (!message || chat.isAsking) return
    taken()
    send(message, { requestId, apiKeyId: apiKeyId ?? about.apiKeyId })
  }, [subject, chat.isAsking])

  return (
    <div className={classes.panel}>
      <Group className={classes.head} justify="space-between" wrap="nowrap">
        <Title order={2} size="h5">
          Assistant
        </Title>
        <Group gap={4} wrap="nowrap">
          <Tooltip label="New conversation" position="bottom">
            <ActionIcon
              variant="subtle"
              color="gray"
              className={classes.quiet}
              aria-label="New conversation"
              disabled={isBusy}
              onClick={() => {
                chat.begin()
                show('chat')
              }}
            >
              <IconMessagePlus size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Earlier conversations" position="bottom">
            <ActionIcon
              variant={view === 'conversations' ? 'light' : 'subtle'}
              color="gray"
              className={classes.quiet}
              aria-label="Earlier conversations"
              aria-pressed={view === 'conversations'}
              disabled={isBusy}
              onClick={() => show(view === 'conversations' ? 'chat' : 'conversations')}
            >
              <IconHistory size={18} />
            </ActionIcon>
          </Tooltip>
          <ActionIcon variant="subtle" color="gray" aria-label="Close the assistant" onClick={close}>
            <IconX size={18} />
          </ActionIcon>
        </Group>
      </Group>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll by keyboard, too */}
      <section ref={scroller} className={classes.scroller} onScroll={onScroll} tabIndex={0} aria-label="Chat">
        {view === 'conversations' && (
          <Conversations
            currentId={chat.conversation?.id}
            onOpen={async (id) => {
              const error = await chat.open(id)
              if (!error) show('chat')
              return error
            }}
          />
        )}
        {view === 'person' && (
          <TalkToAPerson
            conversation={chat.conversation}
            note={note}
            onNote={setNote}
            handing={handing}
            onBack={() => show('chat')}
          />
        )}
        {view === 'chat' &&
          (chat.entries.length === 0 ? (
            <Starters onAsk={send} />
          ) : (
            <ChatLog
              chat={chat}
              onAsk={send}
              onContactSupport={() => show('person')}
              onLeave={() => covers && close()}
            />
          ))}
      </section>
      <div className={classes.foot}>
        {view === 'chat' && (
          <Composer
            ref={composer}
            draft={draft}
            onDraft={setDraft}
            onSend={() => {
              setDraft('')
              send(draft)
            }}
            isAsking={chat.isAsking}
            refused={chat.refused}
            about={about.name}
            onForgetAbout={about.forget}
          />
        )}
        <ToPeople isThere={view === 'person'} onTalk={() => show('person')} />
      </div>
    </div>
  )
}

function ToPeople({ isThere, onTalk }: { isThere: boolean; onTalk: () => void }) {
  const { supportEmail } = useSignedIn()
  return (
    <Group gap="xs" mih={22} justify="space-between">
      {!isThere && (
        <Button size="compact-xs" variant="transparent" px={0} onClick={onTalk}>
          Talk to a person
        </Button>
      )}
      {supportEmail && (
        <Text size="xs">
          <Anchor href={`mailto:${supportEmail}`} inherit>
            {supportEmail}
          </Anchor>
        </Text>
      )}
    </Group>
  )
}

/** The key that is sent with a question, unless the person removes it. */
function useAbout(given?: string) {
  const lookedAt = useLookedAt() ?? given
  const [forgotten, setForgotten] = useState<string>()
  const apiKeyId = lookedAt === forgotten ? undefined : lookedAt
  const [{ data }] = useQuery({
    query: ApiKeyQuery,
    variables: { id: apiKeyId ?? '' },
    pause: apiKeyId === undefined,
  })
  const name = apiKeyId && data?.apiKey?.id === apiKeyId ? data.apiKey.name : undefined
  return { apiKeyId, name, forget: () => setForgotten(apiKeyId) }
}
