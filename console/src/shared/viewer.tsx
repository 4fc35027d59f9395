/** Who is signed in, and which organization the page is about. */
import { createContext, useContext } from 'react'
import { graphql, type ResultOf } from './graphql'

export const ViewerQuery = graphql(`
  query Viewer {
    supportEmail
    viewer {
      passwordChangeRequired
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
export type Role = Organization['viewerRole']

export interface SignedIn {
  viewer: Viewer
  supportEmail: string | null
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

export const roleNames: Record<Role, string> = {
  ORGANIZATION_ADMIN: 'organization admin',
  AGENT_ADMIN: 'agent admin',
  MEMBER: 'member',
}
