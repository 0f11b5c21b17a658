import type { CredentialCheck, ServiceCredentials, SettingState } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import { button, element, fill, freshId } from './dom.js';
import { currentGateway, gateways, isOwn, keepToken, useGateway } from './gateways.js';

/**
 * The credentials of each service: which exist, where they come from, entering and checking them; and the choice of the
 * gateway.
 */
export class CredentialsView {
  readonly node = element('article', { class: 'page' });
  readonly #services = element('div', { class: 'cards' });
  readonly #status = element('p', { class: 'problem', attributes: { role: 'alert' } });

  /** @param onGatewayChosen Called when another gateway was chosen. */
  constructor(onGatewayChosen: () => void) {
    fill(
      this.node,
      element('h1', { text: 'Credentials' }),
      element('p', {
        text: 'The gateway adds credentials to requests; this page never sees them. What you enter here stays in the memory of the gateway until it stops. Workflows use the credentials of the worker.',
      }),
      !isOwn(currentGateway()) &&
        element(
          'p',
          { class: 'warning' },
          'Keys typed here go to ',
          element('b', { text: currentGateway() }),
          ', which is not the gateway that this page came from.',
        ),
      this.#status,
      this.#services,
      gatewayForm(onGatewayChosen),
    );
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.#draw(await ask<ServiceCredentials[]>('GET', '/api/credentials'));
    } catch (error) {
      this.#status.textContent = messageOf(error);
    }
  }

  #draw(services: readonly ServiceCredentials[]): void {
    fill(this.#services, ...services.map((service) => this.#card(service)));
  }

  #card(service: ServiceCredentials): HTMLElement {
    const status = element('div', { attributes: { role: 'status' } });
    const inputs = new Map<string, HTMLInputElement>();
    const rows = service.settings.map((state) => settingRow(state, inputs));
    const check = button('Check credentials', () => void checkService(service, check, status));
    const form = element(
      'form',
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            void this.#enter(inputs, status);
          },
        },
      },
      ...rows,
      element(
        'div',
        { class: 'bar' },
        element('button', { text: 'Use for this session', attributes: { type: 'submit' } }),
        service.checkable && check,
      ),
      status,
    );
    return element(
      'section',
      { class: 'panel', attributes: { 'aria-label': service.title } },
      element('h2', { text: service.title }),
      element(
        'p',
        { class: 'hint' },
        `${service.environment} · `,
        element('code', { text: service.baseUrl }),
        service.production && element('span', { class: 'mark irreversible', text: 'production' }),
      ),
      ...(service.keysGoTo ?? []).map((text) => element('p', { class: 'hint', text })),
      ...service.problems.map((text) => element('p', { class: 'warning', text })),
      form,
    );
  }

  async #enter(inputs: ReadonlyMap<string, HTMLInputElement>, status: HTMLElement): Promise<void> {
    const values = Object.fromEntries(
      [...inputs].flatMap(([setting, { value }]) => (value === '' ? [] : [[setting, value] as const])),
    );
    if (Object.keys(values).length === 0) {
      fill(status, element('p', { class: 'problem', text: 'Type at least one key.' }));
      inputs.values().next().value?.focus();
      return;
    }
    try {
      if (!(await mayLeave(Object.keys(values)))) return;
      this.#draw(await ask<ServiceCredentials[]>('PUT', '/api/credentials', values));
    } catch (error) {
      fill(status, element('p', { class: 'problem', text: messageOf(error) }));
    }
  }
}

const FROM = { variable: 'environment variable', file: 'file', entered: 'entered here' } as const;

function settingRow(
  { setting, state, from, slots, problem }: SettingState,
  inputs: Map<string, HTMLInputElement>,
): HTMLElement {
  const id = freshId('setting');
  const input = element('input', {
    attributes: {
      id,
      type: 'password',
      autocomplete: 'new-password',
      spellcheck: 'false',
      placeholder: state === 'set' ? 'override for this session' : 'enter for this session',
      'aria-describedby': `${id}-state`,
    },
  });
  inputs.set(setting, input);
  const names = slots === undefined ? '' : `: ${slots.join(', ')}`;
  const words = state === 'missing' ? 'missing' : `${state} (${from === undefined ? '' : FROM[from]})${names}`;
  return element(
    'div',
    { class: 'field' },
    element(
      'label',
      { attributes: { for: id } },
      element('code', { text: setting }),
      element('span', { class: `mark ${state}`, text: words, attributes: { id: `${id}-state` } }),
    ),
    input,
    problem !== undefined && element('p', { class: 'problem', text: problem }),
  );
}

/** Asks before keys are sent to a gateway that the page did not come from. */
async function mayLeave(settings: readonly string[]): Promise<boolean> {
  const gateway = currentGateway();
  if (isOwn(gateway)) return true;
  const description =
    'The people who run that gateway can read and use these keys. Keys cannot be taken back; only the provider can replace them.';
  const typed = await askFor(
    { title: 'Send keys to another gateway?', description, shown: settings.join('\n'), gateway },
    'Send keys',
  );
  return typed !== undefined;
}

async function checkService(
  { service, title, environment, production, baseUrl }: ServiceCredentials,
  check: HTMLButtonElement,
  status: HTMLElement,
): Promise<void> {
  const question = {
    title: `Check the keys of ${title}?`,
    description: `Makes one call to ${baseUrl} that only reads, signed with these keys. Nothing is changed.`,
    environment,
  };
  const confirm = production ? await askFor(question, 'Check') : {};
  if (!confirm) return;
  check.disabled = true;
  fill(status, element('p', { class: 'status running', text: 'Checking' }));
  try {
    const { checks } = await ask<CredentialCheck>('POST', `/api/credentials/${encodeURIComponent(service)}/check`, {
      confirm,
    });
    const kinds = { accepted: 'good', refused: 'bad', unknown: 'running' } as const;
    fill(
      status,
      ...checks.map(({ slot, verdict, message }) =>
        element('p', { class: `status ${kinds[verdict]}`, text: `${slot === undefined ? '' : `${slot}: `}${message}` }),
      ),
    );
  } catch (error) {
    fill(status, element('p', { class: 'problem', text: messageOf(error) }));
  } finally {
    check.disabled = false;
  }
}

/** The choice of the gateway. The browser remembers the choice, never a token. */
function gatewayForm(onChosen: () => void): HTMLElement {
  const known = gateways();
  const title = element('h2', { text: 'Gateway' });
  if (known.length === 1) {
    const hint = element(
      'p',
      { class: 'hint' },
      'This page talks to the gateway that it came from. To choose another here, start the console with ',
      element('code', { class: 'nowrap', text: '--other-gateway URL' }),
      '.',
    );
    return element('section', { class: 'panel', attributes: { 'aria-label': 'Gateway' } }, title, hint);
  }
  const [chosenId, tokenId] = [freshId('gateway'), freshId('token')];
  const options = known.map((gateway) =>
    element('option', { text: isOwn(gateway) ? `Own: ${gateway}` : gateway, attributes: { value: gateway } }),
  );
  const chosen = element('select', { attributes: { id: chosenId } }, ...options);
  chosen.value = currentGateway();
  const token = element('input', {
    attributes: { id: tokenId, type: 'password', autocomplete: 'new-password', spellcheck: 'false' },
  });
  const label = element('label', { attributes: { for: tokenId } });
  const describe = (): void => {
    label.textContent = `Token of ${chosen.value}`;
    // A token that was typed for one gateway must not be sent to the next one that is chosen.
    token.value = '';
  };
  chosen.addEventListener('change', describe);
  describe();
  const use = (): void => {
    if (token.value !== '') keepToken(chosen.value, token.value);
    useGateway(chosen.value);
    onChosen();
  };
  return element(
    'form',
    {
      class: 'panel',
      attributes: { 'aria-label': 'Gateway' },
      on: {
        submit: (event) => {
          event.preventDefault();
          use();
        },
      },
    },
    title,
    element(
      'p',
      { class: 'hint' },
      'Each gateway has its own token and its own keys. Another one has to allow this page with ',
      element('code', { text: `--allow-origin ${window.location.origin}` }),
      '. The browser remembers the choice, never a token.',
    ),
    element('div', { class: 'field' }, element('label', { text: 'Address', attributes: { for: chosenId } }), chosen),
    element('div', { class: 'field' }, label, token),
    element('div', { class: 'bar' }, element('button', { text: 'Use this gateway', attributes: { type: 'submit' } })),
  );
}
