import { describe, expect, it } from 'vitest'
import { extractEntities } from './tweet-text.ts'

const urlsOf = (text: string) => extractEntities(text).urls.map(({ url }) => url)

describe('urls', () => {
  it.each([
    ['a bare host', 'see https://example.com now', 'https://example.com'],
    ['capitals', 'HTTP://Example.COM/A', 'HTTP://Example.COM/A'],
    ['a port, path, query and fragment', 'https://example.com:8080/a/b;c?d=e&f=%20#g/h', null],
    ['an address', 'http://192.0.2.7/x', null],
    ['underscores in a subdomain', 'https://a_b.example.com', null],
    ['an internationalised host', 'http://例え.テスト/ http', 'http://例え.テスト/'],
    ['a Cyrillic host and path', 'https://пример.рф/путь', null],
    ['an Arabic host', 'http://foobar.پاکستان/', null],
    ['punycode', 'https://xn--bcher-kva.example', null],
    ['an emoji host', 'https://i❤.ws/x', null],
    ['Latin letters with accents in a path', 'https://de.example.org/wiki/Käse', null],
    ['a full stop after', 'Read https://example.com/a.', 'https://example.com/a'],
    ['much punctuation after', 'https://example.com/a?!...,;:', 'https://example.com/a'],
    ['ideographic punctuation after', '「https://example.com/a」。', 'https://example.com/a'],
    ['quotes around', '"https://example.com/a" ', 'https://example.com/a'],
    ['an ellipsis after', 'https://example.com/a…', 'https://example.com/a'],
    ['brackets around', '(https://example.com/a)', 'https://example.com/a'],
    [
      'its own brackets',
      '(see https://en.example.org/wiki/Film_(1999).)',
      'https://en.example.org/wiki/Film_(1999)',
    ],
    ['nested brackets', '[(https://example.com/a_(b_[c]_(d)))]', 'https://example.com/a_(b_[c]_(d))'],
    ['a bracket never closed', 'https://example.com/a(', 'https://example.com/a'],
    ['Markdown', '[text](https://example.com/a), then', 'https://example.com/a'],
    ['bold Markdown', '**https://example.com/a**', 'https://example.com/a'],
    ['italic Markdown', '_https://example.com_', 'https://example.com'],
    ['Japanese around', '見てhttps://example.com/aです', 'https://example.com/a'],
    ['Japanese right after the host', 'http://example.comだよね.また', 'http://example.com'],
    ['Chinese punctuation after the host', '看https://example.com，好', 'https://example.com'],
    ['Thai after the path', 'https://example.com/ครับ', 'https://example.com/'],
    ['an emoji after', 'https://example.com😀', 'https://example.com'],
    ['bidi marks around', '\u2066https://example.com/\u2069', 'https://example.com/'],
    ['a sentence that goes on after dots', 'https://example.com...and', 'https://example.com'],
    ['a fragment that looks like a tag', 'https://example.com/#tag', null],
    ['an account in the path', 'https://example.com/@kim', null],
    ['an impossible port', 'https://example.com:99999/a', 'https://example.com'],
    ['another URL in the path', 'https://example.org/web/https://example.com/', null],
  ])('are found with %s', (_, text, url) => {
    expect(urlsOf(text)).toEqual([url ?? text])
  })

  it.each([
    ['no scheme', 'example.com www.example.com/a'],
    ['another scheme', 'ftp://example.com mailto:a@example.com javascript://example.com'],
    ['a host without a dot', 'http://localhost:8080/ http://example/'],
    [
      'a top-level domain that cannot be',
      'http://example.c http://example.123 http://example.c_m http://a.b-c',
    ],
    [
      'labels that cannot be',
      'http://-a.example.com http://a-.example.com http://a_b.com http://.com http://a..com',
    ],
    ['an address out of range', 'http://300.1.1.1/ http://1.2.3/'],
    ['a label or host too long', `http://${'a'.repeat(64)}.com http://${'a.'.repeat(130)}com`],
    ['an internationalised label too long in ASCII', `http://${'あ'.repeat(60)}.com/`],
    ['false punycode', 'http://xn--はじめよう.com/'],
    ['credentials', 'https://bank.example.com@evil.example https://bank.example.com:x@evil.example'],
    [
      'a letter or sign before',
      'xhttps://example.com @https://example.com #https://example.com $http://example.com',
    ],
    ['nothing after the scheme', 'http:// https:// example'],
    ['a long s', 'httpſ://example.com'],
  ])('are not seen in %s', (_, text) => {
    expect(urlsOf(text)).toEqual([])
  })

  it('hide the tags and mentions inside them', () => {
    const entities = extractEntities('https://example.com/@kim?q=#tag&x=@lee #real @max')
    expect(entities.hashtags.map(({ tag }) => tag)).toEqual(['real'])
    expect(entities.mentions.map(({ username }) => username)).toEqual(['max'])
  })
})
