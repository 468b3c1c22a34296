/** A request as an Idempotency-Key remembers it: SHA-256 in base64. */
export async function hashOf(request: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(request))
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}
