import type { CredentialCheck, ServiceCredentials, SettingState } from '../gateway/wire.js';
import { ask, askOwn, messageOf, otherGateway, useToken } from './api.js';
import { button, element, fill, freshId } from './dom.js';

/** The keys of each service: which are there, from where, entering some, trying them; and which gateway is asked. */
export class CredentialsView {
  readonly node = element('article', { class: 'page' });
  readonly #services = element('div', { class: 'cards' });
  readonly #said = element('p', { class: 'problem', attributes: { role: 'alert' } });

  constructor() {
    fill(
      this.node,
      element('h1', { text: 'Credentials' }),
      element('p', { text: 'The gateway puts keys into requests; this page never sees them. What is entered here is kept in the memory of the gateway until it ends. Durable runs use the keys of the worker.' }),
      this.#said,
      this.#services,
      gatewayForm(),
    );
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.#draw(await ask<ServiceCredentials[]>('GET', '/api/credentials'));
    } catch (error) {
      this.#said.textContent = messageOf(error);
    }
  }

  #draw(services: readonly ServiceCredentials[]): void {
    fill(this.#services, ...services.map((service) => this.#card(service)));
  }

  #card(service: ServiceCredentials): HTMLElement {
    const said = element('div', { attributes: { role: 'status' } });
    const inputs = new Map<string, HTMLInputElement>();
    const rows = service.settings.map((state) => settingRow(state, inputs));
    const check = button('Check credentials', () => void checkService(service.service, check, said));
    const form = element(
      'form',
      { on: { submit: (event) => { event.preventDefault(); void this.#enter(inputs, said); } } },
      ...rows,
      element('div', { class: 'bar' }, element('button', { text: 'Keep for this run', attributes: { type: 'submit' } }), service.checkable && check),
      said,
    );
    return element(
      'section',
      { class: 'panel', attributes: { 'aria-label': service.title } },
      element('h2', { text: service.title }),
      element('p', { class: 'hint' }, `${service.environment} · `, element('code', { text: service.baseUrl }), service.production && element('span', { class: 'mark irreversible', text: 'production' })),
      ...service.problems.map((text) => element('p', { class: 'warning', text })),
      form,
    );
  }

  async #enter(inputs: ReadonlyMap<string, HTMLInputElement>, said: HTMLElement): Promise<void> {
    const values = Object.fromEntries([...inputs].flatMap(([setting, { value }]) => (value === '' ? [] : [[setting, value] as const])));
    if (Object.keys(values).length === 0) {
      fill(said, element('p', { class: 'problem', text: 'Type at least one key.' }));
      inputs.values().next().value?.focus();
      return;
    }
    try {
      this.#draw(await ask<ServiceCredentials[]>('PUT', '/api/credentials', values));
    } catch (error) {
      fill(said, element('p', { class: 'problem', text: messageOf(error) }));
    }
  }
}

const FROM = { variable: 'from the variable', file: 'from a file', entered: 'entered here' } as const;

function settingRow({ setting, state, from, slots, problem }: SettingState, inputs: Map<string, HTMLInputElement>): HTMLElement {
  const id = freshId('setting');
  const input = element('input', { attributes: { id, type: 'password', autocomplete: 'new-password', spellcheck: 'false', placeholder: state === 'set' ? 'replace for this run' : 'enter for this run', 'aria-describedby': `${id}-state` } });
  inputs.set(setting, input);
  const names = slots === undefined ? '' : `: ${slots.join(', ')}`;
  const words = state === 'missing' ? 'missing' : `${state}, ${from === undefined ? '' : FROM[from]}${names}`;
  return element(
    'div',
    { class: 'field' },
    element('label', { attributes: { for: id } }, element('code', { text: setting }), element('span', { class: `mark ${state}`, text: words, attributes: { id: `${id}-state` } })),
    input,
    problem !== undefined && element('p', { class: 'problem', text: problem }),
  );
}

async function checkService(service: string, check: HTMLButtonElement, said: HTMLElement): Promise<void> {
  check.disabled = true;
  fill(said, element('p', { class: 'status running', text: 'Asking' }));
  try {
    const { checks } = await ask<CredentialCheck>('POST', `/api/credentials/${encodeURIComponent(service)}/check`, {});
    const kinds = { accepted: 'good', refused: 'bad', unknown: 'running' } as const;
    fill(said, ...checks.map(({ slot, verdict, message }) => element('p', { class: `status ${kinds[verdict]}`, text: `${slot === undefined ? '' : `${slot}: `}${message}` })));
  } catch (error) {
    fill(said, element('p', { class: 'problem', text: messageOf(error) }));
  } finally {
    check.disabled = false;
  }
}

/** Which gateway the page asks; the browser keeps its address, never its token. */
function gatewayForm(): HTMLElement {
  const [urlId, tokenId] = [freshId('gateway'), freshId('token')];
  const url = element('input', { attributes: { id: urlId, type: 'url', placeholder: 'the one that this page came from', spellcheck: 'false', value: otherGateway } });
  const token = element('input', { attributes: { id: tokenId, type: 'password', autocomplete: 'new-password' } });
  const said = element('p', { class: 'problem', attributes: { role: 'alert' } });
  const use = async (): Promise<void> => {
    useToken(token.value);
    if (url.value.replace(/\/$/, '') === otherGateway) {
      window.location.hash = '#/tasks';
      return;
    }
    try {
      await askOwn('PUT', '/api/other-gateway', { url: url.value });
      window.location.reload();
    } catch (error) {
      said.textContent = messageOf(error);
    }
  };
  return element(
    'form',
    { class: 'panel', attributes: { 'aria-label': 'Gateway' }, on: { submit: (event) => { event.preventDefault(); void use(); } } },
    element('h2', { text: 'Gateway' }),
    element('p', { class: 'hint', text: 'Another gateway has to allow this page with --allow-origin. The browser remembers the address; the token is asked for again.' }),
    element('div', { class: 'field' }, element('label', { text: 'Address', attributes: { for: urlId } }), url),
    element('div', { class: 'field' }, element('label', { text: 'Token, where it asks for one', attributes: { for: tokenId } }), token),
    said,
    element('div', { class: 'bar' }, element('button', { text: 'Use this gateway', attributes: { type: 'submit' } })),
  );
}
