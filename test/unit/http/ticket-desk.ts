import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { AccessTokens } from 'temporal-http-tasks/internal/http/access-tokens';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { SendOptions, TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { json, Provider } from './provider';
import type { Received } from './provider';

export const ID = 'canary-id:1';
export const SECRET = 'canary/secret+&7';
export const BASIC = `Basic ${Buffer.from(`${encodeURIComponent(ID)}:${encodeURIComponent(SECRET)}`).toString('base64')}`;
export const HOUR_MS = 3_600_000;

/** What tests of access tokens see and set. */
interface Login {
  /** One server for both: an API, and the token endpoint that its tokens come from. */
  provider: Provider;
  /** What the token endpoint returns; by default a token for an hour. */
  respondToken: ((response: ServerResponse, count: number) => void) | undefined;
  /** The time of the senders, in milliseconds. */
  nowMs: number;
}

export const login = { nowMs: 0 } as Login;
/** The tokens that the API takes. */
export const good = new Set<string>();
export const senders: TaskSender[] = [];

export const tokenRequests = (): Received[] => login.provider.received.filter(({ url }) => url.startsWith('/login'));
export const calls = (): Received[] => login.provider.received.filter(({ url }) => !url.startsWith('/login'));

export function issue(response: ServerResponse, count: number, more: object = {}): void {
  good.add(`canary-token-${count}`);
  json(response, 200, { access_token: `canary-token-${count}`, token_type: 'bearer', expires_in: 3_600, ...more });
}

/** Opens the server for a file of tests, and begins each of them without tokens and senders. */
export function useLogin(): void {
  beforeAll(async () => {
    login.provider = await Provider.start((response, { url, headers }) => {
      if (url.startsWith('/login')) {
        if (login.respondToken) return login.respondToken(response, tokenRequests().length);
        return issue(response, tokenRequests().length);
      }
      const isGood = good.has(headers.authorization?.replace('Bearer ', '') ?? '');
      return json(response, isGood ? 200 : 401, { id: 'T1', echo: headers });
    });
  });

  beforeEach(() => {
    login.provider.received.length = 0;
    login.respondToken = undefined;
    good.clear();
    login.nowMs = 1_000;
  });

  afterEach(async () => {
    await Promise.all(senders.splice(0).map((sender) => sender.close()));
  });

  afterAll(() => login.provider.close());
}

export const desk = defineService({
  name: 'desk',
  title: 'Ticket desk',
  environments: { default: 'http://localhost' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'DESK_BASE_URL',
  credentials: [
    {
      setting: 'DESK_CLIENT_SECRET',
      in: 'header',
      name: 'authorization',
      scheme: 'bearer',
      clientCredentials: {
        tokenUrl: '/login/token?tenant=a',
        clientIdSetting: 'DESK_CLIENT_ID',
        scope: 'tickets:write',
        settings: { audience: 'DESK_AUDIENCE' },
      },
    },
  ],
  errors: { fields: { code: 'error' }, rules: [] },
});

export const open = defineHttpTask({
  service: desk,
  operation: 'open',
  summary: 'Open a ticket',
  method: 'POST',
  path: '/tickets',
  input: z.strictObject({ title: z.string() }),
  output: z.looseObject({ id: z.string() }),
  effect: 'irreversible',
  settle: { by: 'resend', basis: 'documented' },
  remedy: 'Close the ticket.',
});

export function envWith(more: Record<string, string> = {}): Record<string, string> {
  return { DESK_BASE_URL: login.provider.origin, DESK_CLIENT_ID: ID, DESK_CLIENT_SECRET: SECRET, ...more };
}

export function namedEnv(more: Record<string, string> = {}): Record<string, string> {
  return {
    ...envWith(),
    HTTP_TASKS_HTTP_ALLOW: login.provider.origin,
    HTTP_TASKS_OAUTH_DESK_TOKEN_URL: `${login.provider.origin}/login`,
    HTTP_TASKS_OAUTH_DESK_CLIENT_ID: ID,
    HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET: SECRET,
    HTTP_TASKS_OAUTH_DESK_ORIGIN: login.provider.origin,
    ...more,
  };
}

export function senderFor(
  env: Record<string, string>,
  tokens = new AccessTokens(() => login.nowMs),
  service: ServiceDefinition = desk,
): TaskSender {
  const sender = createTaskSender(readSenderSettings(env, [service, http.request.service]), { tokens });
  senders.push(sender);
  return sender;
}

export const openOn = (sender: TaskSender, options?: SendOptions): Promise<unknown> =>
  sender.send(open, { title: 'Look' }, options);
