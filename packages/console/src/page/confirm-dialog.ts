import type { Confirmation, PreparedCall } from '../gateway/wire.js';
import { messageOf, Refused } from './api.js';
import { button, element, freshId } from './dom.js';
import { currentGateway, isOwn } from './gateways.js';
import type { Labelled } from './page-parts.js';

/** Returns whether the page has to ask before it sends. */
export function wantsConfirmation({ guard }: PreparedCall): boolean {
  return guard.effect !== 'read' || guard.production;
}

/** A question before something is sent or started. */
export interface Question {
  title: string;
  description: string;
  /** What exactly is sent. */
  shown?: string;
  /** What can be done afterwards. */
  afterwards?: string;
  /** Whether it deletes or ends something although nothing has to be typed. @default false */
  isDangerous?: boolean;
  /** To be typed if it cannot be undone. */
  name?: string;
  /** The user's ID; to be typed instead of a name. */
  subject?: string;
  /** To be typed if it affects real users' data. */
  environment?: string;
  /** It is not known whether it does. @default false */
  isUnknown?: boolean;
  /** To be filled in before it can be sent, if they are required. */
  fields?: readonly Labelled<HTMLInputElement | HTMLTextAreaElement>[];
  /** To be typed if a secret is sent to a gateway other than the page's own. */
  gateway?: string;
}

/**
 * Asks, sends what was typed, and asks again if the gateway wants the name of an environment of which the page did not
 * know, for example because it is not known whether it is production.
 *
 * @returns What the gateway responded; undefined if a dialog was cancelled.
 * @throws Refused
 */
export async function askAndSend<T>(
  question: Question,
  how: string,
  send: (confirm: Confirmation) => Promise<T>,
): Promise<T | undefined> {
  const confirm = await askFor(question, how);
  if (!confirm) return undefined;
  try {
    return await send(confirm);
  } catch (error) {
    const environment = error instanceof Refused ? error.error.needed?.environment : undefined;
    if (environment === undefined || confirm.environment === environment) throw error;
    const { title, shown } = question;
    const again = {
      title,
      description: messageOf(error),
      environment,
      isUnknown: true,
      ...(shown !== undefined && { shown }),
    };
    const more = await askFor(again, how);
    return more && send({ ...confirm, ...more });
  }
}

/** What was typed: what the gateway requires, and what only the page asks for. */
type Typed = Confirmation & { gateway?: string; subject?: string };

/**
 * Shows what will happen and asks. An irreversible call needs its name typed, production needs its own, and another
 * gateway its address. Returns what was typed; nothing if the dialog is cancelled.
 */
export function askFor(
  {
    title,
    description,
    shown,
    afterwards,
    name,
    subject,
    environment,
    isUnknown = false,
    isDangerous = false,
    gateway,
    fields: asked = [],
  }: Question,
  how: string,
): Promise<Typed | undefined> {
  const words: { word: string; key: keyof Typed; label: string }[] = [
    ...(name === undefined ? [] : [{ word: name, key: 'task' as const, label: `Type ${name} to confirm` }]),
    ...(subject === undefined
      ? []
      : [
          {
            word: subject,
            key: 'subject' as const,
            label: `This cannot be undone. Type the ID of the user, ${subject}, to confirm`,
          },
        ]),
    ...(environment === undefined
      ? []
      : [
          {
            word: environment,
            key: 'environment' as const,
            label: `This ${isUnknown ? 'may affect' : 'affects'} real people's data. Type ${environment} to confirm`,
          },
        ]),
    ...(gateway === undefined
      ? []
      : [
          {
            word: gateway,
            key: 'gateway' as const,
            label: `This page did not come from there. Type ${gateway} to confirm`,
          },
        ]),
  ];
  const fields = words.map(({ word, key, label }) => {
    const id = freshId('confirm');
    const input = element('input', { attributes: { id, type: 'text', autocomplete: 'off', spellcheck: 'false' } });
    return {
      word,
      key,
      input,
      row: element('div', { class: 'field' }, element('label', { text: label, attributes: { for: id } }), input),
    };
  });
  return new Promise((resolve) => {
    const send = element('button', {
      text: how,
      class: isDangerous || words.length > 0 ? 'danger' : 'primary',
      attributes: { type: 'submit' },
    });
    const isFilled = ({ control }: Labelled<HTMLInputElement | HTMLTextAreaElement>): boolean =>
      !control.required || control.value.trim() !== '';
    const isTyped = (): boolean => fields.every(({ word, input }) => input.value === word) && asked.every(isFilled);
    const update = (): void => {
      send.disabled = !isTyped();
    };
    for (const input of [...fields.map((one) => one.input), ...asked.map(({ control }) => control)])
      input.addEventListener('input', update);
    const form = element(
      'form',
      { attributes: { method: 'dialog' } },
      ...asked.map(({ node }) => node),
      ...fields.map(({ row }) => row),
      element(
        'div',
        { class: 'bar end' },
        button('Cancel', () => dialog.close()),
        send,
      ),
    );
    const titleId = freshId('title');
    const dialog = element(
      'dialog',
      { attributes: { 'aria-labelledby': titleId } },
      element('h2', { text: title, attributes: { id: titleId } }),
      element('p', { text: description }),
      !isOwn(currentGateway()) &&
        element('p', { class: 'warning', text: `Goes through the gateway at ${currentGateway()}.` }),
      shown !== undefined && element('pre', { class: 'code', text: shown }),
      afterwards !== undefined && element('p', {}, element('b', { text: 'After the call: ' }), afterwards),
      form,
    );
    let given: Typed | undefined;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!isTyped()) return;
      given = Object.fromEntries(fields.map(({ key, input }) => [key, input.value]));
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(given);
    });
    update();
    document.body.append(dialog);
    dialog.showModal();
    (asked[0]?.control ?? fields[0]?.input)?.focus();
  });
}
