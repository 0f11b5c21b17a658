import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { z } from 'zod';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { AccessTokens } from 'temporal-http-tasks/internal/http/access-tokens';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { createWorkerLog } from '@temporal-http-tasks/cli/internal/worker-process/worker-log';
import { showRequest } from '@temporal-http-tasks/console/internal/reference/shown-request';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { everythingIn, failureOf } from './failure-of';
import { json } from './provider';
import {
  BASIC,
  HOUR_MS,
  ID,
  SECRET,
  calls,
  desk,
  envWith,
  good,
  issue,
  login,
  namedEnv,
  open,
  openOn,
  senderFor,
  senders,
  tokenRequests,
  useLogin,
} from './ticket-desk';

useLogin();

describe('A service whose credential is an access token', () => {
  it('asks for one before its first call, in the form of the standard, and uses it for the next', async () => {
    const sender = senderFor(envWith({ DESK_AUDIENCE: 'https://desk.example/api' }));
    await openOn(sender);
    await openOn(sender);
    expect(tokenRequests()).toMatchObject([
      {
        method: 'POST',
        url: '/login/token?tenant=a',
        headers: {
          authorization: BASIC,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: 'grant_type=client_credentials&scope=tickets%3Awrite&audience=https%3A%2F%2Fdesk.example%2Fapi',
      },
    ]);
    expect(calls().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer canary-token-1',
      'Bearer canary-token-1',
    ]);
  });

  it('asks once for fifty calls at the same time, and for all senders of the process', async () => {
    const tokens = new AccessTokens(() => login.nowMs);
    const [one, other] = [senderFor(envWith(), tokens), senderFor(envWith(), tokens)];
    await Promise.all(Array.from({ length: 50 }, (_, index) => openOn(index % 2 === 0 ? one : other)));
    expect({ tokens: tokenRequests().length, calls: calls().length }).toEqual({ tokens: 1, calls: 50 });
  });

  it('asks early for the next, once, and does not wait for it', async () => {
    const sender = senderFor(envWith());
    await openOn(sender);
    login.nowMs += HOUR_MS - 61_000;
    await openOn(sender);
    expect(tokenRequests()).toHaveLength(1);
    // In its last minute; the response is held back until twenty calls have been made with the old token.
    login.nowMs += 2_000;
    const asked = new Promise<ServerResponse>((resolve) => (login.respondToken = resolve));
    await Promise.all(Array.from({ length: 20 }, () => openOn(sender)));
    expect(new Set(calls().map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer canary-token-1']));
    issue(await asked, 2);
    while (calls().at(-1)!.headers.authorization !== 'Bearer canary-token-2') await openOn(sender);
    expect(tokenRequests()).toHaveLength(2);
  });

  it('keeps using the old token while the endpoint is down, and waits for a new one once it has expired', async () => {
    const sender = senderFor(envWith());
    await openOn(sender);
    login.nowMs += HOUR_MS - 30_000;
    login.respondToken = (response) => json(response, 503, {});
    await openOn(sender);
    while (tokenRequests().length < 2) await openOn(sender);
    login.nowMs += 31_000;
    login.respondToken = undefined;
    await Promise.all([openOn(sender), openOn(sender)]);
    expect(
      calls()
        .slice(-2)
        .map(({ headers }) => headers.authorization),
    ).toEqual(['Bearer canary-token-3', 'Bearer canary-token-3']);
  });

  it.each([
    ['seconds', { expires_in: 30 }, 30_000],
    ['seconds as a text', { expires_in: '30' }, 30_000],
    ['nothing', { expires_in: undefined }, 300_000],
    ['nonsense', { expires_in: 'soon' }, 300_000],
    ['no time at all', { expires_in: 0 }, 0],
  ])('uses a token for as long as expires_in says: %s', async (_what, more, livesMs) => {
    const sender = senderFor(envWith());
    login.respondToken = (response, count) => issue(response, count, more);
    await openOn(sender);
    login.nowMs += livesMs - 1;
    if (livesMs > 0) await openOn(sender);
    login.nowMs += 1;
    await openOn(sender);
    expect(calls()[0]!.headers.authorization).toBe('Bearer canary-token-1');
    expect(calls().at(-1)!.headers.authorization).toBe('Bearer canary-token-2');
  });

  it('whose token was revoked gets one more for all calls that were refused, and sends each of them once more', async () => {
    const sender = senderFor(envWith());
    await openOn(sender);
    good.clear();
    let sendings = 0;
    await Promise.all(Array.from({ length: 30 }, () => openOn(sender, { onSent: () => (sendings += 1) })));
    expect({ tokens: tokenRequests().length, sendings, calls: calls().length }).toEqual({
      tokens: 2,
      sendings: 60,
      calls: 61,
    });
  });

  it('that refuses the new token, too, is not asked a third time', async () => {
    const sender = senderFor(envWith());
    await openOn(sender);
    login.respondToken = (response) => json(response, 200, { access_token: 'canary-never-good' });
    good.clear();
    const failure = await failureOf(openOn(sender));
    expect(failure).toMatchObject({ type: 'Task.Unauthorized', status: 401, retryable: false });
    expect(failure.message).toContain('Check DESK_CLIENT_ID, DESK_CLIENT_SECRET.');
    expect({ tokens: tokenRequests().length, calls: calls().length }).toEqual({ tokens: 2, calls: 3 });
  });

  it('that refuses a token fetched for this very call is not asked again', async () => {
    login.respondToken = (response) => json(response, 200, { access_token: 'canary-never-good' });
    expect(await failureOf(openOn(senderFor(envWith())))).toMatchObject({ type: 'Task.Unauthorized', status: 401 });
    expect({ tokens: tokenRequests().length, calls: calls().length }).toEqual({ tokens: 1, calls: 1 });
  });

  it('has a token for each key slot', async () => {
    const [rule] = desk.credentials;
    const slotted = defineService({ ...desk, name: 'slotted', credentials: [{ ...rule!, slotField: 'tenant' }] });
    const task = defineHttpTask({
      ...open,
      service: slotted,
      input: z.strictObject({ tenant: z.string() }),
      places: { tenant: 'slot' },
    });
    const env = envWith({ DESK_CLIENT_ID: 'eu=canary-eu,us=canary-us', DESK_CLIENT_SECRET: 'us=canary-2,eu=canary-1' });
    const sender = senderFor(env, undefined, slotted);
    const sent = await Promise.all(['eu', 'us', 'eu', 'us'].map((tenant) => sender.send(task, { tenant })));
    expect(sent.map(({ keySlot }) => keySlot)).toEqual(['eu', 'us', 'eu', 'us']);
    const logins = tokenRequests().map(({ headers }) =>
      Buffer.from(headers.authorization!.slice('Basic '.length), 'base64').toString(),
    );
    expect(logins.sort()).toEqual(['canary-eu:canary-1', 'canary-us:canary-2']);
    expect(() => senderFor({ ...env, DESK_CLIENT_ID: 'eu=canary-eu' }, undefined, slotted)).toThrow(
      /DESK_CLIENT_ID: has the names eu, and DESK_CLIENT_SECRET has us, eu/,
    );
  });

  it('reads the secret again from its file when the endpoint refuses the client', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'client-credentials-'));
    const file = join(folder, 'secret');
    writeFileSync(file, 'canary-old-secret\n');
    const { DESK_CLIENT_SECRET: _given, ...env } = envWith({ DESK_CLIENT_SECRET_FILE: file });
    const sender = senderFor(env);
    login.respondToken = (response, count) => {
      if (count === 2) return issue(response, count);
      writeFileSync(file, 'canary-new-secret\n');
      json(response, 401, { error: 'invalid_client' });
    };
    await openOn(sender);
    rmSync(folder, { recursive: true });
    expect(tokenRequests()[1]!.headers.authorization).toBe(
      `Basic ${Buffer.from(`${encodeURIComponent(ID)}:canary-new-secret`).toString('base64')}`,
    );
    expect(calls()).toHaveLength(1);
  });

  it('stops waiting when the call is cancelled, and others get the token', async () => {
    const sender = senderFor(envWith());
    const asked = new Promise<ServerResponse>((resolve) => (login.respondToken = resolve));
    const stop = new AbortController();
    const [stopped, other] = [openOn(sender, { signal: stop.signal }), openOn(sender)];
    const response = await asked;
    stop.abort();
    await expect(stopped).rejects.toBeInstanceOf(CancelledFailure);
    issue(response, 1);
    await other;
    expect(calls()).toHaveLength(1);
  });
});

describe('http.request with a token', () => {
  const withToken = { method: 'POST', headers: { authorization: 'Bearer {{secret:DESK}}' } };

  it('puts it where the secret is named, and shows the name only', async () => {
    const sender = senderFor(
      namedEnv({ HTTP_TASKS_OAUTH_DESK_AUTH_METHOD: 'client_secret_post', HTTP_TASKS_OAUTH_DESK_SCOPE: 'a b' }),
    );
    const input = { uri: `${login.provider.origin}/tickets`, ...withToken };
    expect(everythingIn(sender.prepare(http.request, input).masked())).not.toContain('canary');
    expect(sender.prepare(http.request, input).masked().headers.authorization).toBe('Bearer {{secret:DESK}}');
    const { output } = await sender.send(http.request, input);
    expect(output.response).toMatchObject({ statusCode: 200, body: { echo: { authorization: 'Bearer [secret]' } } });
    expect(calls()[0]!.headers.authorization).toBe('Bearer canary-token-1');
    const form = Object.fromEntries(new URLSearchParams(tokenRequests()[0]!.body));
    expect(form).toEqual({ grant_type: 'client_credentials', scope: 'a b', client_id: ID, client_secret: SECRET });
    expect(tokenRequests()[0]!.headers.authorization).toBeUndefined();
  });

  it.each([
    ['another origin', { uri: 'http://127.0.0.1:1/' }, 'headers.authorization'],
    ['TRACE', { method: 'TRACE' }, 'headers.authorization'],
    ['an unknown name', { headers: { authorization: '{{secret:OTHER}}' } }, 'headers.authorization'],
  ])('gives none to %s, and asks for none', async (_what, more, field) => {
    const sender = senderFor(namedEnv({ HTTP_TASKS_HTTP_ALLOW: `${login.provider.origin},http://127.0.0.1:1` }));
    expect(
      await failureOf(sender.send(http.request, { uri: login.provider.origin, ...withToken, ...more })),
    ).toMatchObject({
      type: 'Task.InvalidInput',
      field,
    });
    expect(login.provider.received).toEqual([]);
  });
});

describe('An access token', () => {
  it('appears in no response, no log line and nothing that is shown', async () => {
    const settings = readSenderSettings(envWith(), [desk]);
    const sender = createTaskSender(settings, { tokens: new AccessTokens() });
    senders.push(sender);
    const lines: string[] = [];
    const log = createWorkerLog({
      settings: {
        logLevel: 'info',
        sender: settings,
        ledger: { secretValues: () => [] },
        sources: { secretValues: () => [] },
      } as unknown as Parameters<typeof createWorkerLog>[0]['settings'],
      to: { write: (line) => void lines.push(line) },
    });
    let seen: unknown;
    const response = await sender.send(open, { title: 'Look' }, { onResponse: (told) => (seen = told) });
    log.info({ header: calls()[0]!.headers.authorization, login: tokenRequests()[0]!.headers.authorization }, 'echoed');
    expect(lines).toHaveLength(1);
    expect(everythingIn([response, seen, lines])).not.toMatch(/canary|Y2FuYXJ5/);
    expect(JSON.stringify([response, lines])).toContain('[secret]');
  });

  it('has a name in a request that is shown, for which no key is needed', () => {
    const { shown } = showRequest(open, { title: 'Look' }, { DESK_BASE_URL: 'https://desk.example' });
    expect(shown.headers.authorization).toBe('Bearer $DESK_ACCESS_TOKEN');
    const named = showRequest(
      http.request,
      { uri: login.provider.origin, headers: { authorization: 'Bearer {{secret:DESK}}' } },
      namedEnv(),
    );
    expect(named.shown.headers.authorization).toBe('Bearer $HTTP_TASKS_OAUTH_DESK_ACCESS_TOKEN');
  });
});
