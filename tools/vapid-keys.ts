/** `npm run -s vapid-keys`: a new pair of keys for Web Push, as `wrangler secret bulk` takes them. */
import { newVapidSecrets } from './stack/vapid-keys.ts'

console.log(JSON.stringify(newVapidSecrets(), null, 2))
