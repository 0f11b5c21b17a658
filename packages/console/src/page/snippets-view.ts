import type { PreparedCall } from '../gateway/wire.js';
import { button, copyButton, element, fill } from './dom.js';

type Snippet = PreparedCall['snippets'][number];

/** The call as code, in the language that was chosen last. */
export class SnippetsView {
  readonly node = element('section', { class: 'panel snippets', attributes: { 'aria-label': 'Code' } });
  readonly #tabs = element('div', { class: 'tabs', attributes: { role: 'tablist', 'aria-label': 'Language' } });
  readonly #code = element('pre', { class: 'code', attributes: { id: 'snippet', role: 'tabpanel', tabindex: '0' } });
  readonly #note = element('p', { class: 'hint' });
  #snippets: readonly Snippet[] = [];
  #language = 'workflow';

  constructor() {
    this.#tabs.addEventListener('keydown', (event) => this.#onKey(event));
    fill(
      this.node,
      element(
        'div',
        { class: 'bar' },
        element('h2', { class: 'minor', text: 'Code' }),
        copyButton(this.#code, 'the code'),
      ),
      this.#tabs,
      this.#code,
      this.#note,
    );
  }

  /** Shows the call with the current input. */
  show({ snippets, placeholders, tokens }: PreparedCall): void {
    this.#snippets = snippets;
    this.#draw();
    const missing = placeholders.length === 0 ? '' : `Placeholders to replace: ${placeholders.join(', ')}. `;
    const secret =
      tokens.length === 0 ? '' : `It contains a user's bearer token (${tokens.join(', ')}): do not share it.`;
    this.#note.textContent = missing + secret;
  }

  #draw(): void {
    const chosen = this.#snippets.find(({ language }) => language === this.#language) ?? this.#snippets[0];
    const tabs = this.#snippets.map(({ language, title }) => {
      const isChosen = language === chosen?.language;
      return button(title, () => this.#choose(language), {
        class: 'tab',
        attributes: {
          role: 'tab',
          'aria-selected': String(isChosen),
          'aria-controls': 'snippet',
          tabindex: isChosen ? '0' : '-1',
          'data-language': language,
        },
      });
    });
    // Redrawing them at every key would lose the focus.
    if (
      this.#tabs.childElementCount !== tabs.length ||
      this.#tabs.querySelector('[aria-selected=true]')?.getAttribute('data-language') !== chosen?.language
    )
      fill(this.#tabs, ...tabs);
    this.#code.textContent = chosen?.code || (chosen?.why ?? '');
  }

  #choose(language: string): void {
    this.#language = language;
    this.#draw();
    this.#tabs.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
  }

  #onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const count = this.#snippets.length;
    const at = this.#snippets.findIndex(({ language }) => language === this.#language);
    this.#choose(this.#snippets[(at + step + count) % count]?.language ?? this.#language);
  }
}
