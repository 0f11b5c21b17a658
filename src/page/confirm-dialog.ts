import type { Confirmation, PreparedCall, TaskPage } from '../gateway/wire.js';
import { button, element, freshId } from './dom.js';

/** Whether the page has to ask before it sends. */
export function wantsConfirmation({ guard }: PreparedCall): boolean {
  return guard.effect !== 'read' || guard.production;
}

/**
 * Shows what a call will do and asks. What cannot be undone wants the task's name typed, production wants its own.
 * Answers what was typed, or nothing when the person leaves it.
 */
export function confirmCall(task: TaskPage, { request, guard }: PreparedCall, how: string): Promise<Confirmation | undefined> {
  const words: { asked: string; key: keyof Confirmation; label: string }[] = [
    ...(guard.effect === 'irreversible' ? [{ asked: task.name, key: 'task' as const, label: `This cannot be undone. Type ${task.name} to go on` }] : []),
    ...(guard.production ? [{ asked: guard.environment, key: 'environment' as const, label: `This goes to real people's data. Type ${guard.environment} to go on` }] : []),
  ];
  const fields = words.map(({ asked, key, label }) => {
    const id = freshId('confirm');
    const input = element('input', { attributes: { id, type: 'text', autocomplete: 'off', spellcheck: 'false' } });
    return { asked, key, input, row: element('div', { class: 'field' }, element('label', { text: label, attributes: { for: id } }), input) };
  });
  return new Promise((resolve) => {
    const send = element('button', { text: how, class: 'danger', attributes: { type: 'submit' } });
    const isTyped = (): boolean => fields.every(({ asked, input }) => input.value === asked);
    const update = (): void => {
      send.disabled = !isTyped();
    };
    for (const { input } of fields) input.addEventListener('input', update);
    const form = element('form', { attributes: { method: 'dialog' } }, ...fields.map(({ row }) => row), element('div', { class: 'bar end' }, button('Cancel', () => dialog.close()), send));
    const title = freshId('title');
    const dialog = element(
      'dialog',
      { attributes: { 'aria-labelledby': title } },
      element('h2', { text: `${task.summary}?`, attributes: { id: title } }),
      element('p', { text: task.description }),
      request && element('pre', { class: 'code', text: `${request.method} ${request.url}${request.body === undefined ? '' : `\n\n${request.body}`}` }),
      task.remedy !== '' && element('p', {}, element('b', { text: 'Afterwards: ' }), task.remedy),
      form,
    );
    let given: Confirmation | undefined;
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
    fields[0]?.input.focus();
  });
}
