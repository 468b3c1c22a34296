import { AppError } from '../domain/errors.ts'
import { methodTable } from './allowed-methods.ts'
import { createRouter } from './context.ts'
import { authenticate } from './middleware/authenticate.ts'
import { answerPreflight } from './middleware/common-headers.ts'
import { limitBody, onlyJson } from './middleware/json-body.ts'
import { limitRate } from './middleware/rate-limit.ts'
import { requestContext } from './middleware/request-context.ts'
import { answerProblem, problemResponse } from './problems.ts'
import { accountRoutes } from './routes/account.ts'
import { adminRoutes } from './routes/admin.ts'
import { authRoutes } from './routes/auth.ts'
import { blockRoutes } from './routes/blocks.ts'
import { discoveryRoutes } from './routes/discovery.ts'
import { documentationRoutes } from './routes/documentation.ts'
import { engagementRoutes } from './routes/engagement.ts'
import { exportRoutes } from './routes/exports.ts'
import { listMemberRoutes } from './routes/list-members.ts'
import { listRoutes } from './routes/lists.ts'
import { messageSettingsRoutes } from './routes/message-settings.ts'
import { messageRoutes } from './routes/messages.ts'
import { mutedWordRoutes } from './routes/muted-words.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { ownListRoutes } from './routes/own-lists.ts'
import { ownPeopleRoutes } from './routes/own-people.ts'
import { pushRoutes } from './routes/push.ts'
import { recommendationRoutes } from './routes/recommendations.ts'
import { searchRoutes, userSearchRoutes } from './routes/search.ts'
import { serviceRoutes } from './routes/service.ts'
import { streamRoutes } from './routes/stream.ts'
import { threadRoutes } from './routes/threads.ts'
import { timelineRoutes } from './routes/timelines.ts'
import { tweetEditRoutes } from './routes/tweet-edits.ts'
import { tweetListRoutes } from './routes/tweet-lists.ts'
import { tweetRoutes } from './routes/tweets.ts'
import { userTimelineRoutes } from './routes/user-timelines.ts'
import { userRoutes } from './routes/users.ts'

/** The HTTP API: what every request passes, and the routes. */
export function createApp() {
  const app = createRouter()
  let allowedMethods: ReturnType<typeof methodTable> | undefined
  app.onError(answerProblem)
  app.notFound((c) => {
    allowedMethods ??= methodTable(app.routes)
    const allowed = allowedMethods(c.req.path)
    // Answered, not thrown: nothing stands between this and the request's context, which has yet to see the answer.
    if (allowed.length === 0) return problemResponse(new AppError('route_not_found'), c.var.requestId)
    const refusal = problemResponse(new AppError('method_not_allowed'), c.var.requestId)
    refusal.headers.set('allow', allowed.join(', '))
    return refusal
  })

  app.use(requestContext)
  app.use('/api/*', answerPreflight)
  app.route('/api', serviceRoutes())
  app.use('/api/*', authenticate, limitRate, limitBody, onlyJson)
  app.route('/api/auth', authRoutes())
  app.route('/api/users', accountRoutes())
  app.route('/api/users', userSearchRoutes())
  app.route('/api/users', userRoutes())
  app.route('/api/users', userTimelineRoutes())
  app.route('/api/users', blockRoutes())
  app.route('/api/tweets', tweetRoutes())
  app.route('/api/tweets', tweetEditRoutes())
  app.route('/api/threads', threadRoutes())
  app.route('/api/tweets', engagementRoutes())
  app.route('/api/tweets', tweetListRoutes())
  app.route('/api', ownListRoutes())
  app.route('/api/muted-words', mutedWordRoutes())
  app.route('/api/recommendations', recommendationRoutes())
  app.route('/api', discoveryRoutes())
  app.route('/api/lists', listRoutes())
  app.route('/api/lists', listMemberRoutes())
  app.route('/api', ownPeopleRoutes())
  app.route('/api/timeline', timelineRoutes())
  app.route('/api/notifications', notificationRoutes())
  app.route('/api/messages', messageSettingsRoutes())
  app.route('/api/messages', messageRoutes())
  app.route('/api/push', pushRoutes())
  app.route('/api/export', exportRoutes())
  app.route('/api/search', searchRoutes())
  app.route('/api/stream', streamRoutes())
  app.route('/api/admin', adminRoutes())
  app.route('/', documentationRoutes(app))
  return app
}
