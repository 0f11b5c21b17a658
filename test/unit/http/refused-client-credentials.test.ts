import type { ServerResponse } from 'node:http';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { everythingIn, failureOf } from './failure-of';
import { json, Provider } from './provider';
import { SECRET, calls, envWith, login, namedEnv, openOn, senderFor, tokenRequests, useLogin } from './ticket-desk';

useLogin();

describe('A token endpoint that gives no token', () => {
  const refusals: [string, (response: ServerResponse) => void, object][] = [
    [
      'refuses the client',
      (response) => json(response, 401, { error: 'invalid_client', error_description: SECRET }),
      { type: 'Task.Unauthorized', code: 'invalid_client', retryable: false },
    ],
    [
      'refuses the scope',
      (response) => json(response, 400, { error: 'invalid_scope' }),
      { type: 'Task.Unauthorized', code: 'invalid_scope' },
    ],
    [
      'echoes the secret as its code',
      (response) => json(response, 400, { error: SECRET }),
      { type: 'Task.Unauthorized', retryable: false },
    ],
    [
      'is not there',
      (response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'),
      { type: 'Task.Unauthorized' },
    ],
    [
      'redirects',
      (response) => void response.writeHead(302, { location: 'https://elsewhere.example' }).end(),
      { type: 'Task.Unauthorized', retryable: false },
    ],
    [
      'answers a page',
      (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      { type: 'Task.Unauthorized', retryable: false },
    ],
    [
      'answers a token with a line break',
      (response) => json(response, 200, { access_token: 'canary\r\nx: y' }),
      { type: 'Task.Unauthorized' },
    ],
    [
      'answers a token of another kind',
      (response) => json(response, 200, { access_token: 'canary', token_type: 'DPoP' }),
      { type: 'Task.Unauthorized' },
    ],
    [
      'answers without an end',
      (response) => void response.writeHead(200).end(`{"access_token":"${'canary'.repeat(20_000)}"}`),
      { type: 'Task.Unauthorized' },
    ],
    [
      'asks to slow down',
      (response) => json(response, 429, {}, { 'retry-after': '7' }),
      { type: 'Task.Unavailable', retryable: true, delayMs: 7_000 },
    ],
    [
      'is down',
      (response) => json(response, 503, { error: 'temporarily_unavailable' }),
      { type: 'Task.Unavailable', retryable: true, code: 'temporarily_unavailable' },
    ],
    ['hangs up', (response) => void response.destroy(), { type: 'Task.Unavailable', retryable: true }],
    [
      'is silent',
      () => undefined,
      { type: 'Task.Unavailable', retryable: true, message: expect.stringContaining('exceeded its total timeout') },
    ],
  ];

  it.each(refusals)(
    'since it %s fails the call, and nothing is sent to the service',
    async (what, response, expected) => {
      login.respondToken = response;
      const sender = senderFor(envWith(what === 'is silent' ? { HTTP_TASKS_TOTAL_TIMEOUT_MS: '100' } : {}));
      const failure = await failureOf(openOn(sender));
      expect(failure).toMatchObject(expected);
      expect(failure).not.toHaveProperty('status');
      expect(everythingIn(failure)).not.toMatch(/canary|elsewhere/);
      expect(calls()).toEqual([]);
    },
  );

  it('is not asked again by each of many calls', async () => {
    login.respondToken = (response) => json(response, 503, {});
    const sender = senderFor(envWith());
    for (let call = 0; call < 5; call += 1)
      expect(await failureOf(openOn(sender))).toMatchObject({ type: 'Task.Unavailable' });
    expect(tokenRequests()).toHaveLength(1);
    login.nowMs += 1_000;
    login.respondToken = undefined;
    await openOn(sender);
    expect(tokenRequests()).toHaveLength(2);
  });

  it('since no server listens there fails the call for now', async () => {
    const gone = await Provider.start(() => undefined);
    await gone.close();
    const sender = senderFor(namedEnv({ HTTP_TASKS_OAUTH_DESK_TOKEN_URL: gone.origin }));
    const failure = await failureOf(
      sender.send(http.request, { uri: login.provider.origin, headers: { authorization: 'Bearer {{secret:DESK}}' } }),
    );
    expect(failure).toMatchObject({
      type: 'Task.Unavailable',
      retryable: true,
      message: expect.stringContaining('the connection was refused'),
    });
  });
});
