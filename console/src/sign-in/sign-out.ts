/** Ends the session, here and on the server. */
import { signInClient } from '../app/client'
import { graphql } from '../app/graphql'
import { leaveFor } from '../app/session'

const SignOut = graphql(`
  mutation SignOut {
    signOut
  }
`)

export async function signOut() {
  await signInClient.mutation(SignOut, {}).toPromise()
  leaveFor('/sign-in')
}
