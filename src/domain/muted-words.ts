export function mutedWordsMatcher(_words: { phrase: string; expiresAtMs: number | null }[], _nowMs: number) {
  return (_text: string): boolean => false
}
