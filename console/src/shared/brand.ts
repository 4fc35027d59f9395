/** What the operator calls the product, its logo and its accent color: the server writes them into the page. */
import type { MantineColorsTuple } from '@mantine/core'
import icon from './icon.svg'

function said(name: string): string | undefined {
  if (typeof document === 'undefined') return undefined
  return document.querySelector<HTMLMetaElement>(`meta[name="brand-${name}"]`)?.content
}

export const brand = {
  name: said('name') ?? 'Keydesk',
  logo: said('logo') ?? icon,
  /** Ten shades, of which the server has made sure that they can be read. */
  shades: said('shades')?.split(' ') as MantineColorsTuple | undefined,
}

/** A window's title: *API Keys · Keydesk*. */
export function windowTitle(page: string): string {
  return page.includes(brand.name) ? page : `${page} · ${brand.name}`
}
