/** Whom pushes may be sent to: a host with all below it, by https alone, or (of this machine) one origin. */
export type PushService = { host: string } | { origin: string }

/** Longer than those of any push service, and short enough for the index that makes them unique. */
const ENDPOINT_LENGTH_MAX = 2_000

const HOST = /^(?=.{1,253}$)([a-z\d]([a-z\d-]{0,61}[a-z\d])?\.)+[a-z]{2,63}$/
const LOOPBACK_ORIGIN = /^http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?$/

/** The push services that a text names, separated by commas; null where it names something else, or nothing. */
export function parsePushServices(text: string): PushService[] | null {
  const services = text.split(',').map((name) => serviceNamed(name.trim()))
  return services.every((service) => service !== null) ? services : null
}

function serviceNamed(name: string): PushService | null {
  if (HOST.test(name)) return { host: name }
  if (!LOOPBACK_ORIGIN.test(name) || !URL.canParse(name)) return null
  return new URL(name).origin === name ? { origin: name } : null
}

/**
 * An endpoint that a client gives, in the one form in which it is stored and called; null where it is not of one of these
 * services. Whoever may name any endpoint has this service call what only it can reach.
 */
export function pushEndpoint(text: string, services: readonly PushService[]): string | null {
  if (text.length > ENDPOINT_LENGTH_MAX || !URL.canParse(text)) return null
  const url = new URL(text)
  url.hash = ''
  if (url.username !== '' || url.password !== '' || url.href.length > ENDPOINT_LENGTH_MAX) return null
  return services.some((service) => isOf(url, service)) ? url.href : null
}

function isOf({ origin, protocol, hostname, port }: URL, service: PushService): boolean {
  if ('origin' in service) return origin === service.origin
  if (protocol !== 'https:' || port !== '') return false
  return HOST.test(hostname) && (hostname === service.host || hostname.endsWith(`.${service.host}`))
}
