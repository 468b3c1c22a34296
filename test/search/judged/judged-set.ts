import type { TweetDocument } from '../../../src/contracts/search.ts'
import { HOUR_MS, idAged, tweetOf } from '../harness.ts'
import queries from './queries.txt'
import tweets from './tweets.txt'

/** A query and the tweets that answer it, any of which may come first. */
export interface Judgement {
  kind: string
  text: string
  answers: string[]
}

interface Judged {
  /** The newest first, seven hours between each and the next. */
  tweets: { key: string; document: TweetDocument }[]
  judgements: Judgement[]
}

export function judgedSet(): Judged {
  return {
    tweets: linesOf(tweets).map(judgedTweet),
    judgements: linesOf(queries).map((line) => {
      const [kind = '', text = '', answers = ''] = line.split(' | ')
      return { kind, text, answers: answers.split(' ') }
    }),
  }
}

function linesOf(file: string): string[] {
  return file.split('\n').filter((line) => line !== '' && !line.startsWith('# '))
}

function judgedTweet(line: string, index: number) {
  const [head = '', ...rest] = line.split(' | ')
  const [key = '', username = '', ...marks] = head.split(' ')
  const engagement = marks.find((mark) => mark.startsWith('+'))
  const reply = marks.find((mark) => mark.startsWith('reply:'))
  const document = tweetOf(idAged((index + 1) * 7 * HOUR_MS), rest.join(' | '), {
    username,
    replyTo: reply?.slice('reply:'.length) ?? null,
    hasMedia: marks.includes('media'),
    isSensitive: marks.includes('sensitive'),
    engagement: engagement === undefined ? index % 9 : Number(engagement),
  })
  return { key, document }
}
