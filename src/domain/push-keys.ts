/** An uncompressed point of P-256 in base64url, as browsers give and take it: 65 bytes, of which the first is 4. */
export function isP256Point(text: string): boolean {
  return /^B[A-P][\w-]{85}$/.test(text)
}

/** 32 bytes in base64url. */
export function isP256PrivateKey(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}

/** What a browser and those who push to it share: 16 bytes in base64url. */
export function isAuthSecret(text: string): boolean {
  return /^[\w-]{22}$/.test(text)
}
