import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A call as the server got it. */
export interface CourierCall {
  /** The operation, for example `deleteContact`. */
  operation: string;
  /** What it is about: a contact, device, person or request; several are joined by a comma. */
  about: string;
}

/** What becomes of a call: it is lost before or after it was carried out, or gets a status. */
export type CourierFault = 'lostBefore' | 'lostAfter' | 429 | 503;

interface Rule {
  operation: string;
  fault: CourierFault;
  /** The calls of this operation that it is for, from 1. */
  nth: readonly number[];
}

interface ApiResponse {
  status: number;
  body?: unknown;
}

interface CourierBody {
  contacts?: { id: string }[];
  person?: string;
}

interface Erasure {
  id: string;
  person: string;
  state: 'pending' | 'confirm' | 'done';
}

/** The made-up mail service of test/unit/providers/courier.ts, on the loopback interface. */
export class CourierServer {
  readonly calls: CourierCall[] = [];
  readonly contacts = new Map<string, Set<number>>();
  readonly devices = new Set<string>();
  readonly erasures: Erasure[] = [];
  /** Time before a response is sent, in milliseconds. */
  delayMs = 0;
  /** Whether a new request stays pending until `finishErasures`. */
  holdsErasures = false;
  readonly #rules: Rule[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<CourierServer> {
    const server = new CourierServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Lets the service know users: contact `c-N` with topics, devices `d-N-1` and `d-N-2`. */
  seed(count: number, topics: readonly number[] = [1, 2, 3]): void {
    for (let index = 0; index < count; index += 1) {
      this.contacts.set(`c-${index}`, new Set(topics));
      this.devices.add(`d-${index}-1`).add(`d-${index}-2`);
    }
  }

  fault(operation: string, fault: CourierFault, ...nth: number[]): void {
    this.#rules.push({ operation, fault, nth });
  }

  finishErasures(): void {
    this.holdsErasures = false;
    for (const erasure of this.erasures) if (erasure.state === 'pending') erasure.state = 'done';
  }

  of(operation: string): string[] {
    return this.calls.filter((call) => call.operation === operation).map(({ about }) => about);
  }

  /** Calls that cannot be undone and were carried out more than once for the same thing. */
  get repeats(): string[] {
    const seen = new Set<string>();
    return this.#carriedOut.filter((key) => seen.size === seen.add(key).size);
  }

  readonly #carriedOut: string[] = [];

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = (text === '' ? {} : JSON.parse(text)) as CourierBody;
    const { operation, about, respond } = this.#route(request, body);
    this.calls.push({ operation, about });
    const count = this.calls.filter((call) => call.operation === operation).length;
    const fault = this.#rules.find((rule) => rule.operation === operation && rule.nth.includes(count))?.fault;
    if (fault === 'lostBefore') return void request.socket.destroy();
    if (typeof fault === 'number') return send(response, { status: fault, body: { code: 'busy' } });
    const responded = respond();
    if (request.method !== 'GET' && responded.status < 300) this.#carriedOut.push(`${operation} ${about}`);
    if (fault === 'lostAfter') return void request.socket.destroy();
    if (this.delayMs > 0) await setTimeout(this.delayMs);
    send(response, responded);
  }

  #route({ method = '', url = '' }: IncomingMessage, body: CourierBody): CourierCall & { respond: () => ApiResponse } {
    const { pathname, searchParams } = new URL(url, 'http://courier.invalid');
    const [, what = '', id = '', part = '', topic = ''] = pathname.split('/').map(decodeURIComponent);
    const route = `${method} ${what}${id === '' ? '' : '/'}${part}`;
    const call = (operation: string, respond: () => ApiResponse, about = id) => ({ operation, about, respond });
    if (method === 'POST' && pathname === '/contacts/delete') {
      const ids = (body.contacts ?? []).map((contact) => contact.id);
      return call('bulkDelete', () => this.#bulk(ids), ids.join(','));
    }
    switch (route) {
      case 'GET contacts/':
        return call('getContact', () => this.#known(id, { user: { active: true } }));
      case 'DELETE contacts/':
        return call('deleteContact', () => (this.contacts.delete(id) ? OK : ABSENT));
      case 'GET contacts/topics':
        return call('listTopics', () => this.#topics(id, Number(searchParams.get('after') ?? 0)));
      case 'DELETE contacts/topics':
        return call(
          'leaveTopic',
          () => (this.contacts.get(id)?.delete(Number(topic)) ? OK : { status: 404, body: { code: 'no_topic' } }),
          `${id}/${topic}`,
        );
      case 'DELETE devices/':
        return call('forgetDevice', () =>
          this.devices.delete(id) ? OK : { status: 404, body: { code: 'no_device' } },
        );
      case 'POST erasures':
        return call('createErasure', () => this.#file(body.person ?? ''), body.person);
      case 'GET erasures':
        return call('listErasures', () => ({ status: 200, body: { data: this.erasures } }));
      case 'GET erasures/':
        return call('getErasure', () => ({ status: 200, body: this.erasures.find((one) => one.id === id) }));
      case 'POST erasures/confirm':
        return call('confirmErasure', () => this.#confirm(id));
      default:
        return call(route, () => ({ status: 405, body: { code: 'no_route' } }));
    }
  }

  #known(id: string, body: unknown): ApiResponse {
    return this.contacts.has(id) ? { status: 200, body } : ABSENT;
  }

  /** Two topics a page. */
  #topics(id: string, after: number): ApiResponse {
    const all = [...(this.contacts.get(id) ?? [])].filter((topic) => topic > after).sort((a, b) => a - b);
    const page = all.slice(0, 2);
    const next = all.length > 2 ? { next: String(page.at(-1)) } : {};
    return this.#known(id, { topics: page.map((topic) => ({ id: topic })), paging: next });
  }

  #file(person: string): ApiResponse {
    const id = `e-${this.erasures.length + 1}`;
    this.erasures.push({ id, person, state: this.holdsErasures ? 'pending' : 'confirm' });
    return { status: 200, body: { data: { id } } };
  }

  #confirm(id: string): ApiResponse {
    const erasure = this.erasures.find((one) => one.id === id);
    if (erasure?.state !== 'confirm') return { status: 409, body: { code: 'not_waiting' } };
    erasure.state = 'done';
    return OK;
  }

  #bulk(ids: readonly string[]): ApiResponse {
    if (ids.some((id) => id.startsWith('bad'))) return { status: 400, body: { code: 'invalid_id' } };
    const results = ids.map((id) => ({ id, ok: !id.startsWith('stuck') }));
    for (const { id, ok } of results) if (ok) this.contacts.delete(id);
    return { status: 200, body: { results } };
  }
}

const OK: ApiResponse = { status: 200, body: {} };
const ABSENT: ApiResponse = { status: 404, body: { code: 'contact_not_found' } };

function send(response: ServerResponse, { status, body }: ApiResponse): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
}
