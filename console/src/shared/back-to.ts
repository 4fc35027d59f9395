/** What the way back to a host product is called: *Back to app.example.com*. */
export function backTo(returnUrl: string): string {
  return `Back to ${new URL(returnUrl).host}`
}
