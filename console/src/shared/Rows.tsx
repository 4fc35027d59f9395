/** Rows as a table; on a narrow screen, or beside the assistant, as cards. */
import { Group, Paper, Stack, Table, VisuallyHidden } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { useAssistant } from './assistant-context'

export interface Column<Row> {
  label: string
  cell: (row: Row) => ReactNode
  /** What a card shows instead, where the cell would not be clear without its label; false to show nothing. */
  card?: (row: Row) => ReactNode
  width?: string
}

interface Props<Row> {
  label: string
  rows: readonly Row[]
  idOf: (row: Row) => string
  columns: readonly Column<Row>[]
  menu: (row: Row) => ReactNode
}

export function Rows<Row>({ label, rows, idOf, columns, menu }: Props<Row>) {
  const beside = useAssistant().opened // it takes a part of the width
  const narrow = useMediaQuery(`(max-width: ${beside ? 75 : 48}em)`, false, {
    getInitialValueInEffect: false,
  })
  if (narrow) {
    return (
      <Stack component="ul" gap="xs" m={0} p={0} aria-label={label}>
        {rows.map((row) => (
          <Paper key={idOf(row)} component="li" withBorder p="sm" style={{ listStyle: 'none' }}>
            <Group justify="space-between" align="flex-start" wrap="nowrap">
              <Stack gap={4} miw={0}>
                {columns.map((each) => {
                  const content = (each.card ?? each.cell)(row)
                  return content && <div key={each.label}>{content}</div>
                })}
              </Stack>
              {menu(row)}
            </Group>
          </Paper>
        ))}
      </Stack>
    )
  }
  return (
    <Paper withBorder>
      <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover aria-label={label} layout="fixed">
        <Table.Thead>
          <Table.Tr>
            {columns.map((each) => (
              <Table.Th key={each.label} w={each.width}>
                {each.label}
              </Table.Th>
            ))}
            <Table.Th w={60}>
              <VisuallyHidden>Menu</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={idOf(row)}>
              {columns.map((each) => (
                <Table.Td key={each.label}>{each.cell(row)}</Table.Td>
              ))}
              <Table.Td>{menu(row)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  )
}
