import type { PolicyPage, ProviderLine, ProviderPage } from '../gateway/wire-operations.js';
import { ask, messageOf } from './api.js';
import { button, element, fill, outsideLink, table } from './dom.js';
import type { Child } from './dom.js';
import { facts } from './page-parts.js';
import { inWords } from './words.js';

/** The providers that users are offboarded from, and the operator's policy. */
export class ProvidersView {
  readonly node = element('article', { class: 'page wide' });
  readonly #signal: AbortSignal;
  readonly #list = element('div', {}, element('p', { class: 'status running', text: 'Loading the providers' }));
  readonly #shown = element('div', {});
  readonly #policy = element('div', {}, element('p', { class: 'status running', text: 'Loading the policy' }));

  /** @param signal Aborts when this view is left. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    fill(
      this.node,
      element('h1', { text: 'Providers and policy' }),
      element('p', {
        text: 'As configured for this gateway in HTTP_TASKS_PROVIDERS and HTTP_TASKS_POLICY. Workers use their own.',
      }),
      this.#list,
      this.#shown,
      element('h2', { text: 'Policy' }),
      this.#policy,
    );
    void this.#read(this.#list, async () => this.#providers(await this.#get<ProviderLine[]>('/api/providers')));
    void this.#read(this.#policy, async () => policyView(await this.#get<PolicyPage>('/api/policy')));
  }

  #get<T>(path: string): Promise<T> {
    return ask<T>('GET', path, undefined, this.#signal);
  }

  async #read(place: HTMLElement, draw: () => Promise<Child[]>): Promise<void> {
    try {
      fill(place, ...(await draw()));
    } catch (error) {
      if (!this.#signal.aborted)
        fill(place, element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } }));
    }
  }

  #providers(providers: readonly ProviderLine[]): Child[] {
    const rows = providers.map(({ provider, title, builtIn, missing }): Child[] => [
      element('b', { text: title }),
      element('code', { text: provider }),
      builtIn ? 'built in' : 'provider file',
      missing.length === 0 ? 'none' : element('code', { text: missing.join(', ') }),
      builtIn
        ? element('a', { text: 'Tasks', attributes: { href: '#/tasks', 'aria-label': `Tasks of ${title}` } })
        : // An account has the steps of its provider.
          !provider.includes('/') &&
          button('Steps', () => void this.#show(provider), { attributes: { 'aria-label': `Steps of ${title}` } }),
    ]);
    return [table('Providers', ['Provider', 'Name', 'From', 'Settings missing here', 'Details'], rows)];
  }

  async #show(provider: string): Promise<void> {
    await this.#read(this.#shown, async () => [
      providerView(await this.#get<ProviderPage>(`/api/providers/${encodeURIComponent(provider)}`)),
    ]);
    this.#shown.scrollIntoView({ block: 'nearest' });
  }
}

function providerView({ title, docs, environment, production, ids, steps }: ProviderPage): HTMLElement {
  const code = (text: string): HTMLElement => element('code', { text });
  return element(
    'section',
    { class: 'panel', attributes: { 'aria-label': title } },
    element('h2', { text: title }),
    facts([
      ['Environment', environment && `${environment}${production ? ' (production)' : ''}`],
      ['Documentation', docs === undefined ? undefined : outsideLink(docs, docs)],
    ]),
    table(
      'Steps, in order',
      ['Step', 'Kind', 'Calls', 'After', 'Runs'],
      steps.map(({ step, kind, calls, after, optional = false }) => [
        code(step),
        inWords(kind),
        code([...new Set(calls)].join(', ')),
        code(after.join(', ')),
        optional ? 'only if included' : 'always',
      ]),
    ),
    table(
      'IDs of a user',
      ['ID', 'Column of a source', 'About'],
      ids.map(({ id, column, about, sensitive = false }) => [
        code(id),
        code(column),
        `${about}${sensitive ? ' (sensitive)' : ''}`,
      ]),
    ),
  );
}

function policyView({ set, file, digest, rules = {} }: PolicyPage): Child[] {
  if (!set)
    return [element('p', { text: 'HTTP_TASKS_POLICY is not set for this gateway, so no policy applies here.' })];
  const rows = Object.entries(rules)
    .filter(([name]) => name !== 'version')
    .map(([name, value]) => [inWords(name), ruleText(value)]);
  return [
    facts([
      ['File', file && element('code', { text: file })],
      ['SHA-256', digest && element('code', { text: digest })],
    ]),
    rows.length === 0
      ? element('p', { text: 'It has no rules and limits nothing.' })
      : table('Rules', ['Rule', 'Allowed'], rows),
  ];
}

function ruleText(value: unknown): string {
  if (Array.isArray(value)) return value.map(ruleText).join(', ') || 'none';
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, inner]) => `${inWords(name)}: ${ruleText(inner)}`)
      .join('; ');
  return value === true ? 'yes' : value === false ? 'no' : String(value);
}
