import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { batch, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { everythingIn, failureOf } from './failure-of';
import { CANARIES, environment, json, Provider, settingsFor } from './provider';
import type { Received } from './provider';

const TOKEN = 'user-sandbox-canary-0001';

/** Every way of writing a secret that a careless provider or proxy may use. */
function echoesOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    JSON.stringify(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(`user:${secret}`).toString('base64'),
    `Invalid key "${secret}" in https://api/${encodeURIComponent(secret)}/data`,
  ];
}

const KEYS = Object.values(CANARIES);

/** The keys are secret in every call, a user's token in a call that carries it. */
function secretsOf(task: HttpTask): string[] {
  return task.sensitive.length > 0 ? [...KEYS, TOKEN] : KEYS;
}

/** The beginning of each secret too: a failure that cuts a long text off would leave it. */
const FORMS = new Map([...KEYS, TOKEN].map((secret) => [secret, [secret.slice(0, 14), ...echoesOf(secret)]]));

function expectNoSecret(seen: unknown, secrets: readonly string[] = [...KEYS, TOKEN]): void {
  const text = everythingIn(seen);
  const found = secrets.flatMap((secret) => FORMS.get(secret)!).filter((form) => text.includes(form));
  expect(found).toEqual([]);
}

const CALLS: [HttpTask, unknown][] = [
  [plaid.userItemsGet, { user_token: TOKEN }],
  [plaid.userItemsRemove, { user_id: TOKEN, item_ids: ['i'] }],
  [plaid.userRemove, { user_token: TOKEN }],
  [plaid.itemRemove, { access_token: TOKEN }],
  [batch.customDataDelete, { id: 'u', app: 'ios' }],
  [batch.customDataBulkDelete, { ids: ['u'], app: 'android' }],
  [batch.gdprRequestGet, { id: 'r', app: 'ios' }],
];

describe('A secret', () => {
  let provider: Provider;
  let sender: TaskSender;
  let respond: (response: ServerResponse, request: Received) => void;

  beforeAll(async () => {
    provider = await Provider.start((response, request) => respond(response, request));
    sender = createTaskSender(settingsFor(provider.origin));
  });

  afterAll(async () => {
    await sender.close();
    await provider.close();
  });

  it.each(CALLS)(
    'that the provider echoes in a response is scrubbed, in keys and in values: %p',
    async (task, input) => {
      const secrets = secretsOf(task);
      const echoes = secrets.flatMap(echoesOf);
      respond = (response) => {
        const keyed = Object.fromEntries(echoes.map((echo) => [`key ${echo}`, { nested: [echo] }]));
        json(response, 200, {
          items: [{ item_id: echoes[0], echoes }],
          request_id: secrets[1],
          token: secrets[0],
          status: 'done',
          keyed,
        });
      };
      const got = await sender.send(task, input);
      expect(JSON.stringify(got)).toContain('[secret]');
      expectNoSecret(got, secrets);
    },
  );

  it.each([400, 401, 503])(
    'that the provider echoes in an error with status %i appears nowhere in the failure',
    async (status) => {
      for (const [task, input] of CALLS) {
        for (const echo of secretsOf(task).flatMap(echoesOf)) {
          respond = (response) =>
            json(response, status, {
              error_type: echo,
              error_code: echo,
              code: echo,
              request_id: echo,
              error_message: echo,
              message: echo,
            });
          const error = await sender.send(task, input).catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(ApplicationFailure);
          expectNoSecret(error, secretsOf(task));
        }
      }
    },
  );

  it('appears in no failure of the wrong shape, and in no name of a field', async () => {
    respond = (response) => json(response, 200, { items: [{ [CANARIES.PLAID_CLIENT_ID]: 1 }], request_id: 1 });
    expectNoSecret(await sender.send(plaid.userItemsGet, { user_token: TOKEN }).catch((reason: unknown) => reason));
  });

  it('appears in no failure of the transport', async () => {
    respond = (response) => response.destroy();
    for (const [task, input] of CALLS)
      expectNoSecret(await sender.send(task, input).catch((reason: unknown) => reason));
  });

  it('appears in no refusal of an input that holds it', async () => {
    const input = { user_id: 1, unknown: [...KEYS, TOKEN] };
    expectNoSecret(await sender.send(plaid.userRemove, input).catch((reason: unknown) => reason));
  });

  it('is not seen when a sender, its settings or its masked requests are printed', () => {
    const settings = settingsFor(provider.origin);
    expectNoSecret(createTaskSender(settings));
    expectNoSecret(settings);
    for (const [task, input] of CALLS) expectNoSecret(sender.prepare(task, input).masked());
  });

  it('of http.request is scrubbed from headers, text and status line', async () => {
    const settings = settingsFor(provider.origin, {
      HTTP_TASKS_SECRET_TICKETS: CANARIES.PLAID_SECRET,
      HTTP_TASKS_SECRET_TICKETS_ORIGIN: provider.origin,
    });
    const own = createTaskSender(settings);
    respond = (response, request) => {
      const header = String(request.headers['x-ticket']);
      response
        .writeHead(200, `got ${header}`, { 'content-type': 'text/plain', 'x-echo': header })
        .end(`you sent ${header}`);
    };
    const got = await own.send(http.request, {
      uri: `${provider.origin}/`,
      headers: { 'X-Ticket': '{{secret:TICKETS}}' },
    });
    expect(provider.last.headers['x-ticket']).toBe(CANARIES.PLAID_SECRET);
    expectNoSecret(got);
    expect(got.output).toMatchObject({ response: { reasonPhrase: 'got [secret]', body: 'you sent [secret]' } });
    await own.close();
  });
});

describe('A key from a file', () => {
  let folder: string;
  let provider: Provider;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'http-tasks-keys-'));
    provider = await Provider.start((response, request) =>
      request.headers['plaid-secret'] === 'new-secret'
        ? json(response, 200, { request_id: 'req-1' })
        : json(response, 400, { error_type: 'INVALID_INPUT', error_code: 'INVALID_API_KEYS', request_id: 'req-0' }),
    );
  });

  afterEach(async () => {
    await provider.close();
    rmSync(folder, { recursive: true });
  });

  function senderWithFile(): TaskSender {
    const { PLAID_SECRET: _, ...env } = environment(provider.origin);
    return createTaskSender(readSenderSettings({ ...env, PLAID_SECRET_FILE: join(folder, 'secret') }, [plaidService]));
  }

  it('is read again when it is refused, and the call goes out once more', async () => {
    writeFileSync(join(folder, 'secret'), 'old-secret\n');
    const sender = senderWithFile();
    writeFileSync(join(folder, 'secret'), 'new-secret\n');
    expect((await sender.send(plaid.userRemove, { user_id: 'u' })).requestId).toBe('req-1');
    expect(provider.received.map(({ headers }) => headers['plaid-secret'])).toEqual(['old-secret', 'new-secret']);
    await sender.close();
  });

  it('lets all calls that were refused at the same time go out once more', async () => {
    writeFileSync(join(folder, 'secret'), 'old-secret\n');
    const sender = senderWithFile();
    writeFileSync(join(folder, 'secret'), 'new-secret\n');
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, n) => sender.send(plaid.userRemove, { user_id: `u${n}` })),
    );
    expect(responses.every(({ requestId }) => requestId === 'req-1')).toBe(true);
    expect(provider.received).toHaveLength(40);
    await sender.close();
  });

  it.each([
    ['did not change', (file: string) => writeFileSync(file, 'old-secret\n')],
    ['is gone', (file: string) => rmSync(file)],
    ['is empty at the moment', (file: string) => writeFileSync(file, '')],
    ['holds nonsense at the moment', (file: string) => writeFileSync(file, 'two\nlines\n')],
  ])('that %s leaves the refusal final, after one call', async (_what, change) => {
    const file = join(folder, 'secret');
    writeFileSync(file, 'old-secret\n');
    const sender = senderWithFile();
    change(file);
    const failure = await failureOf(sender.send(plaid.userRemove, { user_id: 'u' }));
    expect(failure).toMatchObject({ type: 'Task.Unauthorized', retryable: false });
    expect(provider.received).toHaveLength(1);
    await sender.close();
  });

  it('is read again once only, though it changed to another wrong key', async () => {
    writeFileSync(join(folder, 'secret'), 'old-secret');
    const sender = senderWithFile();
    writeFileSync(join(folder, 'secret'), 'other-secret');
    expect((await failureOf(sender.send(plaid.userRemove, { user_id: 'u' }))).type).toBe('Task.Unauthorized');
    expect(provider.received).toHaveLength(2);
    await sender.close();
  });
});
