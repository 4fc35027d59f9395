/** The frame of a page for people who may not be signed in. */
import { Center, Group, Image, Paper, Stack, Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { brand, windowTitle } from '../shared/brand'

interface Props {
  title: string
  children: ReactNode
  /** Shown below the box. */
  below?: ReactNode
}

export function OutsidePage({ title, children, below }: Props) {
  useEffect(() => {
    document.title = windowTitle(title)
  }, [title])
  return (
    <Center mih="100dvh" p="md">
      <Stack component="main" w="100%" maw={400} gap="lg">
        <Group gap="sm" justify="center" wrap="nowrap">
          <Image src={brand.logo} alt="" w={36} h={36} fit="contain" />
          <Title order={1} size="h3" miw={0} style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
        </Group>
        <Paper withBorder p="lg" shadow="xs">
          {children}
        </Paper>
        {below}
      </Stack>
    </Center>
  )
}
