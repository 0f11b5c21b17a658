import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What happens to one call: it is lost before or after it was carried out, or refused. */
export type HouseFault = 'lostBefore' | 'lostAfter' | 'serverError' | 'unavailable' | 'cutOff';

/** One call as the server got it. */
export interface HouseCall {
  method: string;
  path: string;
  body?: unknown;
}

/** A made-up mail service of its own: it knows nothing of the code that calls it. */
export class CourierHouse {
  readonly calls: HouseCall[] = [];
  readonly contacts = new Map<string, number[]>();
  readonly devices = new Set<string>();
  readonly erasures: { id: string; person: string; key: string; looks: number; confirmed: boolean }[] = [];
  /** By `METHOD /path`, in order; each is used once. */
  readonly faults = new Map<string, HouseFault[]>();
  /** Called before a call is carried out, for example to set a hold in the middle of a run. */
  onCall: (call: HouseCall) => Promise<void> = async () => undefined;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The calls that changed something, or could have. */
  get writes(): string[] {
    return this.calls.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const { method = '', url = '' } = request;
    const call = { method, path: url, ...(text !== '' && { body: JSON.parse(text) as unknown }) };
    await this.onCall(call);
    this.calls.push(call);
    if (request.headers.authorization !== 'Bearer courier-key') return send(response, 401, { error: { code: 'key' } });
    const fault = this.faults.get(`${method} ${url}`)?.shift();
    if (fault === 'lostBefore') return void response.destroy();
    if (fault === 'unavailable') return send(response, 503, { error: { code: 'busy' } });
    const [status, body] = this.#respond(call);
    if (fault === 'lostAfter') return void response.destroy();
    if (fault === 'serverError') return send(response, 500, { error: { code: 'oops' } });
    if (fault === 'cutOff') {
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"id":');
      return void response.destroy();
    }
    return send(response, status, body);
  }

  #respond({ method, path, body }: HouseCall): [status: number, body: unknown] {
    const url = new URL(path, 'http://courier.example');
    const [, kind = '', id = '', part = '', topic = ''] = url.pathname.split('/').map(decodeURIComponent);
    const absent: [number, unknown] = [404, { error: { code: 'contact_not_found' } }];
    const topics = this.contacts.get(id);
    switch (`${method} ${kind}/${part}`) {
      case 'GET contacts/topics': {
        const from = Number(url.searchParams.get('after') ?? '0');
        const page = (topics ?? []).slice(from, from + 2);
        const next = from + 2 < (topics?.length ?? 0) ? String(from + 2) : null;
        return topics ? [200, { topics: page.map((one) => ({ id: one })), paging: { next } }] : absent;
      }
      case 'DELETE contacts/topics':
        if (!topics?.includes(Number(topic))) return [404, { error: { code: 'no_topic' } }];
        this.contacts.set(
          id,
          topics.filter((one) => one !== Number(topic)),
        );
        return [200, { ok: true }];
      case 'GET contacts/':
        return topics ? [200, { id }] : absent;
      case 'DELETE contacts/':
        return this.contacts.delete(id) ? [200, { ok: true }] : absent;
      case 'DELETE devices/':
        return this.devices.delete(id) ? [200, { ok: true }] : [404, { error: { code: 'no_device' } }];
      case 'POST erasures/': {
        const { person, key } = body as { person: string; key: string };
        const erasure = { id: `e_${this.erasures.length + 1}`, person, key, looks: 0, confirmed: false };
        this.erasures.push(erasure);
        return [202, { data: { id: erasure.id } }];
      }
      case 'GET erasures/':
        return id === '' ? [200, { data: this.erasures }] : this.#stateOf(id);
      case 'POST erasures/confirm': {
        const erasure = this.erasures.find((one) => one.id === id);
        if (erasure) erasure.confirmed = true;
        return [200, {}];
      }
      default:
        return [404, { error: { code: 'no_route' } }];
    }
  }

  #stateOf(id: string): [number, unknown] {
    const erasure = this.erasures.find((one) => one.id === id);
    if (!erasure) return [404, { error: { code: 'no_erasure' } }];
    erasure.looks += 1;
    const state = !erasure.confirmed ? 'toConfirm' : erasure.looks < 2 ? 'working' : 'done';
    return [200, { state }];
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const ok = { responses: { 200: { description: 'OK', content: { 'application/json': { schema: {} } } } } };
const inPath = (name: string, type = 'string') => ({ name, in: 'path', required: true, schema: { type } });
const post = (properties: Record<string, unknown>) => ({
  requestBody: { required: true, content: { 'application/json': { schema: { type: 'object', properties } } } },
});

const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Courier', version: '1' },
  security: [{ bearerAuth: [] }],
  paths: {
    '/contacts/{contact}': {
      get: { operationId: 'getContact', parameters: [inPath('contact')], ...ok },
      delete: { operationId: 'deleteContact', parameters: [inPath('contact')], ...ok },
    },
    '/contacts/{contact}/topics': {
      get: {
        operationId: 'listTopics',
        parameters: [inPath('contact'), { name: 'after', in: 'query', schema: { type: 'string' } }],
        ...ok,
      },
    },
    '/contacts/{contact}/topics/{topic}': {
      delete: { operationId: 'leaveTopic', parameters: [inPath('contact'), inPath('topic', 'integer')], ...ok },
    },
    '/devices/{device}': { delete: { operationId: 'forgetDevice', parameters: [inPath('device')], ...ok } },
    '/erasures': {
      get: { operationId: 'listErasures', ...ok },
      post: {
        operationId: 'fileErasure',
        ...post({ person: { type: 'string' }, why: { type: 'string' }, key: { type: 'string' } }),
        ...ok,
      },
    },
    '/erasures/{id}': { get: { operationId: 'getErasure', parameters: [inPath('id')], ...ok } },
    '/erasures/{id}/confirm': { post: { operationId: 'confirmErasure', parameters: [inPath('id')], ...ok } },
  },
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
};

/** A provider file for {@link CourierHouse} with a step of each kind. */
export const COURIER_FILE = `
provider: courier
title: Courier Mail
openapi: courier.openapi.json
environments: { test: https://test.courier.example, live: https://api.courier.example }
productionEnvironments: [live]
credentials: { bearerAuth: COURIER_TOKEN }
errors: { code: error.code }
ids:
  contactId: { about: The contact's ID. }
  personId: { about: The person in the archive. }
  deviceIds: { about: Push devices., list: true }
  passToken: { about: A token of the person., sensitive: true }
tasks:
  deleteContact: { effect: irreversible, means: removed, absent: [contact_not_found], remedy: Import the contact again. }
  getContact: { absent: [contact_not_found] }
  listTopics: { absent: [contact_not_found] }
  leaveTopic: { effect: irreversible, remedy: Join the topic again. }
  forgetDevice: { effect: repeatSafe, absent: [no_device], remedy: Register the device again. }
  fileErasure: { effect: irreversible, means: accepted, remedy: None. }
  confirmErasure: { effect: irreversible, remedy: None. }
steps:
  - step: topics
    kind: list
    look: { task: listTopics, input: { contact: "\${contactId}" }, items: topics.id, next: paging.next, cursor: after }
    act: { task: leaveTopic, input: { contact: "\${contactId}", topic: "\${item}" } }
  - step: contact
    kind: once
    act: { task: deleteContact, input: { contact: "\${contactId}" } }
    look: { task: getContact, input: { contact: "\${contactId}" } }
    after: [{ step: courier.topics, unless: [failed, unknown], reason: topicsNotLeft }]
  - { step: devices, kind: once, each: deviceIds, act: { task: forgetDevice, input: { device: "\${deviceIds}" } } }
  - step: erasure
    kind: request
    act: { task: fileErasure, input: { person: "\${personId}", why: "\${reason.code}", key: "\${callId}" } }
    handle: data.id
    follow: { task: getErasure, input: { id: "\${handle}" } }
    state: state
    done: [done]
    find: { task: listErasures, items: data, match: { person: "\${personId}" }, handle: id }
    proceed: { when: [toConfirm], task: confirmErasure, input: { id: "\${handle}" } }
  - { step: archive, kind: manual, needs: [contactId], optional: true, title: Archive, instructions: Shred the paper file. }
`;

/** Writes a provider file and its document into a folder of their own; returns the path of the file. */
export function writeCourierFile(text = COURIER_FILE): string {
  const folder = mkdtempSync(join(tmpdir(), 'courier-'));
  writeFileSync(join(folder, 'courier.openapi.json'), JSON.stringify(DOCUMENT));
  writeFileSync(join(folder, 'courier.provider.yaml'), text);
  return join(folder, 'courier.provider.yaml');
}
