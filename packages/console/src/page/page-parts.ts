import { messageOf } from './api.js';
import { element, fill, freshId } from './dom.js';
import type { Child } from './dom.js';

/** A labelled control of a form. */
export interface Labelled<Control extends HTMLElement> {
  node: HTMLElement;
  control: Control;
}

/** Options of a control. */
interface ControlOptions {
  /** Below the control. */
  hint?: string;
  required?: boolean;
  placeholder?: string;
  /** Offered while typing. */
  suggestions?: readonly string[];
  value?: string;
}

/** A single line of text. */
export function textField(label: string, options: ControlOptions = {}): Labelled<HTMLInputElement> {
  const id = freshId('input');
  const { suggestions = [], placeholder, value = '', required = false } = options;
  const control = element('input', {
    attributes: {
      ...attributesOf(id, options),
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder,
      ...(required && { required: '' }),
      ...(suggestions.length > 0 && { list: `${id}-list` }),
    },
  });
  control.value = value;
  const list =
    suggestions.length > 0 &&
    element(
      'datalist',
      { attributes: { id: `${id}-list` } },
      ...suggestions.map((text) => element('option', { attributes: { value: text } })),
    );
  return { node: field(label, control, options, list), control };
}

/** A choice from a list of values with their labels. */
export function choiceField(
  label: string,
  choices: Readonly<Record<string, string>>,
  options: ControlOptions = {},
): Labelled<HTMLSelectElement> {
  const id = freshId('input');
  const control = element(
    'select',
    { attributes: attributesOf(id, options) },
    ...Object.entries(choices).map(([value, text]) => element('option', { text, attributes: { value } })),
  );
  return { node: field(label, control, options), control };
}

/** Something that is on or off. */
export function checkField(label: string): Labelled<HTMLInputElement> {
  const id = freshId('input');
  const control = element('input', { attributes: { id, type: 'checkbox' } });
  const node = element(
    'div',
    { class: 'field check' },
    control,
    element('label', { text: label, attributes: { for: id } }),
  );
  return { node, control };
}

function attributesOf(id: string, { hint }: ControlOptions): Record<string, string> {
  return { id, ...(hint !== undefined && { 'aria-describedby': `${id}-hint` }) };
}

function field(
  label: string,
  control: HTMLElement,
  { hint, required = false }: ControlOptions,
  more?: Child,
): HTMLElement {
  const { id } = control;
  return element(
    'div',
    { class: 'field' },
    element(
      'label',
      { attributes: { for: id } },
      label,
      required && element('span', { class: 'required', text: 'required' }),
    ),
    control,
    hint !== undefined && element('p', { class: 'hint', text: hint, attributes: { id: `${id}-hint` } }),
    more,
  );
}

/** A form that is sent by a button; what is typed stays in the page. */
export function formOf(
  name: string,
  send: string | { text: string; class: 'danger' },
  onSubmit: () => void,
  ...children: Child[]
): HTMLFormElement {
  const options = typeof send === 'string' ? { text: send, class: 'primary' } : send;
  return element(
    'form',
    {
      class: 'stacked',
      attributes: { 'aria-label': name },
      on: {
        submit: (event) => {
          event.preventDefault();
          onSubmit();
        },
      },
    },
    ...children,
    element('div', { class: 'bar' }, element('button', { ...options, attributes: { type: 'submit' } })),
  );
}

/** Names and values, one below the other; those without a value are left out. */
export function facts(rows: readonly (readonly [string, Child])[]): HTMLElement {
  const shown = rows.filter(([, value]) => value !== undefined && value !== false && value !== '');
  return element(
    'dl',
    { class: 'facts' },
    ...shown.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', {}, value)]),
  );
}

/** Shows how an action of a view ended. */
export class StatusLine {
  readonly node = element('div', { class: 'status-line' });

  good(...children: Child[]): void {
    fill(this.node, element('p', { class: 'status good', attributes: { role: 'status' } }, ...children));
  }

  running(text: string): void {
    fill(this.node, element('p', { class: 'status running', text, attributes: { role: 'status' } }));
  }

  problem(error: unknown): void {
    fill(this.node, element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } }));
  }

  clear(): void {
    fill(this.node);
  }
}

/** Warnings and advice of a command; those about its own options are left out. */
export function warningLines(lines: readonly string[]): Child {
  const shown = lines.filter((line) => /^Warning: /.test(line));
  return shown.length > 0 && element('ul', { class: 'hint' }, ...shown.map((text) => element('li', { text })));
}
