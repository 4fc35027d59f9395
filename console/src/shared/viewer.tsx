/** Who is signed in, and which organization the page is about. */
import { createContext, useContext } from 'react'
import { graphql, type ResultOf } from './graphql'

export const ViewerQuery = graphql(`
  query Viewer {
    supportEmail
    signInMethods { kind label url }
    viewer {
      passwordChangeRequired
      isVisit
      returnUrl
      user { id email name }
      organizations {
        id
        name
        viewerRole
        admins { id name email }
        keyAllowance { used limit remaining }
      }
    }
  }
`)

type Data = ResultOf<typeof ViewerQuery>
export type Viewer = NonNullable<Data['viewer']>
export type Organization = Viewer['organizations'][number]
export type SignInMethod = Data['signInMethods'][number]
export type Role = Organization['viewerRole']

export interface SignedIn {
  viewer: Viewer
  supportEmail: string | null
  signInMethods: SignInMethod[]
}

export const SignedInContext = createContext<SignedIn | undefined>(undefined)
export const OrganizationContext = createContext<Organization | undefined>(undefined)

export function useSignedIn(): SignedIn {
  const signedIn = useContext(SignedInContext)
  if (!signedIn) throw new Error('outside of the signed-in pages')
  return signedIn
}

export function useOrganization(): Organization {
  const organization = useContext(OrganizationContext)
  if (!organization) throw new Error('outside of an organization’s pages')
  return organization
}

/** Written in a sentence: *an organization admin*. */
export const roleNames: Record<Role, string> = {
  ORGANIZATION_ADMIN: 'organization admin',
  AGENT_ADMIN: 'agent admin',
  MEMBER: 'member',
}

/** At the start of a sentence, or alone: *Organization admin*. */
export function roleTitle(role: Role): string {
  const name = roleNames[role]
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** *an organization admin*. */
export function aRole(role: Role): string {
  return `${role === 'MEMBER' ? 'a' : 'an'} ${roleNames[role]}`
}

export const roleDescriptions: Record<Role, string> = {
  ORGANIZATION_ADMIN: 'Manages people, agents, and all API keys.',
  AGENT_ADMIN: 'Manages API keys of the agents that you choose.',
  MEMBER: 'Manages no API keys. Can ask for one, and ask the assistant.',
}
