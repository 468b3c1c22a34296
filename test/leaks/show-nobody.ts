/** Routes that are not in the table, each with the reason why they need not be. */
export const SHOW_NOBODY: Record<string, string> = {
  ...because('says nothing of people', [
    'GET /api/health',
    'GET /api/ready',
    'GET /api/notifications/preferences',
    'PUT /api/notifications/preferences',
    'PUT /api/notifications/{id}/read',
    'PUT /api/notifications/read-all',
    'GET /api/messages/settings',
    'PUT /api/messages/settings',
    'GET /api/timeline/home/marker',
    'PUT /api/timeline/home/marker',
    'GET /api/muted-words',
    'POST /api/muted-words',
    'DELETE /api/muted-words/{id}',
    'GET /api/push/subscriptions',
    'POST /api/push/subscriptions',
    'DELETE /api/push/subscriptions/{id}',
    'GET /api/auth/sessions',
    'DELETE /api/auth/sessions/{id}',
    'POST /api/auth/refresh-token',
    'POST /api/auth/logout',
    'POST /api/auth/password',
    'DELETE /api/recommendations/users/{id}',
  ]),
  ...because('answers one’s own profile', [
    'POST /api/auth/register',
    'POST /api/auth/login',
    'PUT /api/users/{id}',
  ]),
  ...because('answers how the two stand to each other, and nothing of the other', [
    'DELETE /api/users/{id}/follow',
    'PUT /api/users/{id}/follow',
    'POST /api/users/{id}/block',
    'DELETE /api/users/{id}/block',
    'POST /api/users/{id}/mute',
    'DELETE /api/users/{id}/mute',
    'POST /api/follow-requests/{userId}/accept',
    'POST /api/follow-requests/{userId}/reject',
    'POST /api/messages/requests/{userId}/accept',
    'DELETE /api/messages/requests/{userId}',
    'PUT /api/messages/{userId}/read',
    'DELETE /api/messages/{userId}/{id}',
  ]),
  ...because('undoes what one did, and answers at most a count', [
    'DELETE /api/tweets/{id}/bookmark',
    'DELETE /api/tweets/{id}/mute-conversation',
    'DELETE /api/tweets/{id}',
  ]),
  ...because('answers one’s own list', [
    'POST /api/lists',
    'PUT /api/lists/{id}',
    'DELETE /api/lists/{id}',
    'POST /api/lists/{id}/members/{userId}',
    'DELETE /api/lists/{id}/members/{userId}',
  ]),
  ...because('is for moderators alone', ['PUT /api/admin/users/{id}/verified']),
}

function because(reason: string, routes: readonly string[]): Record<string, string> {
  return Object.fromEntries(routes.map((route) => [route, reason]))
}
