import * as lists from 'stopword'

/** Those of the languages that are written most; each list by itself, so that the others are not bundled. */
const LANGUAGES = [
  ...[lists.eng, lists.spa, lists.por, lists.fra, lists.deu, lists.ita, lists.nld, lists.cat, lists.ron],
  ...[lists.swe, lists.dan, lists.nob, lists.fin, lists.est, lists.lav, lists.lit, lists.hun, lists.tur],
  ...[lists.pol, lists.ces, lists.slk, lists.slv, lists.hrv, lists.bul, lists.rus, lists.ukr, lists.ell],
  ...[lists.ara, lists.fas, lists.urd, lists.heb, lists.hin, lists.ben, lists.mar, lists.guj],
  ...[
    lists.ind,
    lists.msa,
    lists.tgl,
    lists.vie,
    lists.tha,
    lists.mya,
    lists.swa,
    lists.jpn,
    lists.kor,
    lists.zho,
  ],
]

/** Of the language of short messages. */
const CHAT = [
  'rt',
  'via',
  'amp',
  'lol',
  'omg',
  'lmao',
  'idk',
  'imo',
  'btw',
  'gonna',
  'gotta',
  'wanna',
  'dont',
  'cant',
  'didnt',
  'doesnt',
  'isnt',
  'wont',
  'ive',
  'thats',
  'whats',
  'yeah',
  'yes',
  'okay',
  'haha',
  'hahaha',
  'please',
  'thanks',
]

const WORDS = new Set([...LANGUAGES.flat(), ...CHAT].map((word) => word.normalize('NFKC').toLowerCase()))

/** Whether a word (NFKC, lower case) says nothing by itself, in whichever language. */
export function isStopWord(word: string): boolean {
  return WORDS.has(word)
}
