import type { FormField, InputProblem } from '../gateway/wire.js';
import { button, details, element, fill, freshId } from './dom.js';
import { inlineMarkdown, markdown } from './markdown.js';
import { valueAt, withValueAt } from './json-paths.js';
import type { JsonObject } from './json-paths.js';
import { inWords } from './words.js';

interface Control {
  field: FormField;
  node: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
  problem: HTMLElement;
  touched: boolean;
}

/** Options of a form. */
export interface InputFormOptions {
  /** Rules for several fields together. */
  rules?: readonly string[];
  /** Whether labels are words, with the names of the fields behind them. @default the names alone */
  isInWords?: boolean;
  /** Initial values. @default nothing */
  value?: JsonObject;
  onChange: (value: JsonObject) => void;
  /** Called when Enter is pressed in a single-line field. */
  onSubmit?: () => void;
}

/** The input of a task as a form or as JSON; both show the same. */
export class InputForm {
  readonly node = element('div', { class: 'input-form' });
  readonly #fields: readonly FormField[];
  readonly #options: InputFormOptions;
  readonly #formProblem = element('p', { class: 'problem', attributes: { role: 'alert' } });
  #controls: Control[] = [];
  #value: JsonObject = {};
  #json: HTMLTextAreaElement | undefined;
  /** Why the typed text is not JSON; by field, `` for the whole. */
  #unreadable = new Map<string, string>();

  constructor(fields: readonly FormField[], options: InputFormOptions) {
    this.#fields = fields;
    this.#options = options;
    this.#value = options.value ?? {};
    this.#drawForm();
  }

  /** The typed input; empty fields are absent. */
  get value(): unknown {
    return this.#value;
  }

  /** Shows problems at their fields; untouched fields show theirs only with `all`. Returns whether there are any. */
  showProblems(problems: readonly InputProblem[], all: boolean): boolean {
    const found = [...[...this.#unreadable].map(([field, message]) => ({ field, message })), ...problems];
    for (const control of this.#controls) {
      const mine = found.filter((problem) => isAt(problem, control.field.name));
      const shown = (all || control.touched) && mine.length > 0;
      control.problem.textContent = shown ? mine.map((problem) => sentence(problem, control.field.name)).join(' ') : '';
      if (shown) control.node.setAttribute('aria-invalid', 'true');
      else control.node.removeAttribute('aria-invalid');
    }
    const others = found.filter((problem) => !this.#controls.some(({ field }) => isAt(problem, field.name)));
    this.#formProblem.textContent =
      others.length > 0 && (all || this.#json) ? others.map((problem) => sentence(problem, '')).join(' ') : '';
    if (all) this.#focusFirst();
    return found.length > 0;
  }

  #focusFirst(): void {
    const wrong = this.#controls.find(({ node }) => node.hasAttribute('aria-invalid'))?.node;
    wrong?.closest('details')?.setAttribute('open', '');
    (wrong ?? (this.#formProblem.textContent === '' ? undefined : this.#json))?.focus();
  }

  #drawForm(): void {
    this.#json = undefined;
    this.#controls = this.#fields.map((field) => this.#control(field));
    const rows = this.#controls.filter(({ field }) => field.more !== true).map((control) => this.#row(control));
    const more = this.#controls.filter(({ field }) => field.more === true).map((control) => this.#row(control));
    fill(
      this.node,
      this.#bar('Edit as JSON', () => this.#drawJson()),
      ...(this.#options.rules ?? []).map((rule) => element('p', { class: 'rule' }, ...inlineMarkdown(rule))),
      ...rows,
      more.length > 0 && moreFields(more, this.#controls),
      rows.length === 0 && element('p', { text: 'This task has no input fields.' }),
      this.#formProblem,
    );
  }

  #drawJson(): void {
    const id = freshId('json');
    const area = element('textarea', {
      class: 'code',
      attributes: { id, rows: '12', spellcheck: 'false', 'aria-describedby': `${id}-problem` },
    });
    area.value = JSON.stringify(this.#value, undefined, 2);
    area.addEventListener('input', () => this.#readJson(area.value));
    this.#json = area;
    this.#controls = [];
    this.#formProblem.id = `${id}-problem`;
    fill(
      this.node,
      this.#bar('Edit as form', () => this.#drawForm()),
      element('label', { text: 'Input as JSON', attributes: { for: id } }),
      area,
      this.#formProblem,
    );
    area.focus();
  }

  #bar(text: string, onClick: () => void): HTMLElement {
    const toggle = button(
      text,
      () => {
        // Text that is not JSON would be lost in the other view.
        if (this.#unreadable.size > 0) {
          this.showProblems([], true);
          return;
        }
        onClick();
        this.#options.onChange(this.#value);
      },
      { class: 'quiet' },
    );
    // A form in words has a heading of its own.
    if (this.#options.isInWords === true) return element('div', { class: 'bar edit' }, toggle);
    return element('div', { class: 'bar' }, element('h2', { class: 'minor', text: 'Input' }), toggle);
  }

  #readJson(text: string): void {
    this.#unreadable.clear();
    const parsed = parsedJson(text.trim() === '' ? '{}' : text);
    if (typeof parsed.value === 'object' && parsed.value !== null && !Array.isArray(parsed.value))
      this.#value = parsed.value as JsonObject;
    else this.#unreadable.set('', parsed.problem ?? 'must be a JSON object');
    this.#options.onChange(this.#value);
  }

  #row({ field, node, problem }: Control): HTMLElement {
    const label = element(
      'label',
      { attributes: { for: node.id } },
      this.#options.isInWords === true && element('span', { text: labelOf(field) }),
      element('code', { class: this.#options.isInWords === true ? 'field-name' : '', text: field.name }),
      field.required && element('span', { class: 'required', text: 'required' }),
    );
    const hint = [
      field.description,
      // A field that is left empty is absent.
      field.limits === 'not empty' ? '' : field.limits,
      field.control === 'list' ? 'One per line.' : '',
      field.control === 'secrets' ? 'Several are separated by semicolons.' : '',
      field.control === 'json' ? 'As JSON.' : '',
    ]
      .filter(Boolean)
      .join(' · ');
    return element(
      'div',
      { class: 'field' },
      label,
      node,
      element(
        'div',
        { class: 'hint', attributes: { id: `${node.id}-hint` } },
        ...(hint === '' ? [] : [markdown(hint)]),
      ),
      problem,
    );
  }

  #control(field: FormField): Control {
    const id = freshId(`field-${field.name}`);
    const problem = element('p', { class: 'problem', attributes: { id: `${id}-problem`, role: 'alert' } });
    const node = controlFor(field, id);
    node.value = textOf(field, valueAt(this.#value, pathOf(field)));
    const control: Control = { field, node, problem, touched: false };
    node.addEventListener('input', () => {
      this.#readControl(control);
      this.#options.onChange(this.#value);
    });
    node.addEventListener('keydown', (event) => {
      const isEnter = event instanceof KeyboardEvent && event.key === 'Enter' && !event.isComposing;
      if (!isEnter || !(node instanceof HTMLInputElement) || !this.#options.onSubmit) return;
      event.preventDefault();
      this.#options.onSubmit();
    });
    node.addEventListener('change', () => {
      control.touched = true;
      this.#options.onChange(this.#value);
    });
    return control;
  }

  #readControl({ field, node }: Control): void {
    this.#unreadable.delete(field.name);
    const read = valueOf(field, node.value);
    if (read.problem !== undefined) this.#unreadable.set(field.name, read.problem);
    else this.#value = withValueAt(this.#value, pathOf(field), read.value);
  }
}

/** `user.plaidUserId` as "Plaid user ID", `reason.code` as "Reason code". */
function labelOf({ name }: FormField): string {
  const words = name
    .replace(/^user\.(?:ids\.)?/, '')
    .split('.')
    .map((part) => inWords(part).toLowerCase())
    .join(' ')
    .replace(/\bid(s?)\b/g, 'ID$1');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Rarely needed fields; open if one of them is filled in. */
function moreFields(rows: readonly HTMLElement[], controls: readonly Control[]): HTMLElement {
  const node = details(`More fields (${rows.length})`, ...rows);
  if (controls.some(({ field, node: { value } }) => field.more === true && value !== '')) node.setAttribute('open', '');
  return node;
}

function controlFor(field: FormField, id: string): Control['node'] {
  const attributes = {
    id,
    name: field.name,
    'aria-describedby': `${id}-hint ${id}-problem`,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-required': String(field.required),
  };
  switch (field.control) {
    case 'choice':
      return selectOf(['', ...(field.choices ?? [])], attributes);
    case 'boolean':
      return selectOf(['', 'true', 'false'], attributes);
    case 'list':
      return element('textarea', { attributes: { ...attributes, rows: '3' } });
    case 'json':
      return element('textarea', { class: 'code', attributes: { ...attributes, rows: '3' } });
    case 'number':
      return element('input', { attributes: { ...attributes, type: 'text', inputmode: 'decimal' } });
    case 'secret':
    case 'secrets':
      return element('input', { attributes: { ...attributes, type: 'password', autocomplete: 'new-password' } });
    case 'text':
      return element('input', { attributes: { ...attributes, type: 'text' } });
  }
}

function selectOf(choices: readonly string[], attributes: Readonly<Record<string, string>>): HTMLSelectElement {
  const options = choices.map((choice) =>
    element('option', { text: choice === '' ? 'Select…' : choice, attributes: { value: choice } }),
  );
  return element('select', { attributes }, ...options);
}

function textOf({ control }: FormField, value: unknown): string {
  if (value === undefined) return '';
  if ((control === 'list' || control === 'secrets') && Array.isArray(value))
    return value
      .map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry)))
      .join(control === 'list' ? '\n' : ';');
  return control === 'json'
    ? JSON.stringify(value, undefined, 2)
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/** Text is taken unchanged: spaces at its ends may belong to an ID. */
function valueOf({ control }: FormField, text: string): { value?: unknown; problem?: string } {
  if (text === '') return {};
  switch (control) {
    case 'boolean':
      return { value: text === 'true' };
    case 'number':
      return numberOf(text.trim());
    case 'list':
      return { value: text.split('\n').filter((line) => line !== '') };
    case 'secrets':
      return { value: text.split(';').filter((one) => one !== '') };
    case 'json':
      return parsedJson(text);
    case 'choice':
    case 'secret':
    case 'text':
      return { value: text };
  }
}

/** Returns a number, or its digits as a text if JavaScript would change it. */
function numberOf(text: string): { value?: unknown; problem?: string } {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number)) return { problem: 'must be a number' };
  const digits = (text.split(/[eE]/, 1)[0] ?? '').replace(/\D/g, '').replace(/^0+/, '');
  const isExact =
    digits.length <= 15 || (String(number) === text && (!Number.isInteger(number) || Number.isSafeInteger(number)));
  return { value: isExact ? number : text };
}

function parsedJson(text: string): { value?: unknown; problem?: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: 'is not JSON' };
  }
}

function pathOf({ name, path }: FormField): readonly string[] {
  return path ?? [name];
}

function isAt({ field }: InputProblem, name: string): boolean {
  return field === name || field.startsWith(`${name}.`);
}

function sentence({ field, message }: InputProblem, own: string): string {
  const place = field === own ? '' : own !== '' && field.startsWith(`${own}.`) ? field.slice(own.length + 1) : field;
  // The name of a field keeps its case.
  const end = message.endsWith('?') ? '' : '.';
  return place === '' ? `${message.charAt(0).toUpperCase()}${message.slice(1)}${end}` : `${place}: ${message}${end}`;
}
