import { element, outsideLink } from './dom.js';

/**
 * Returns the text of a description as elements. Knows the Markdown that API documents use: paragraphs, lists, headings,
 * code, links, bold and italic. Everything else, HTML too, stays text: elements are made here, never parsed.
 */
export function markdown(text: string): HTMLElement {
  const blocks = element('div', { class: 'markdown' });
  for (const block of blocksOf(text)) blocks.append(block);
  return blocks;
}

/** Returns the inline Markdown of one line: code, links, bold and italic. */
export function inlineMarkdown(text: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    const { code, label, url, bold, italic } = found.groups ?? {};
    if (found.index > from) nodes.push(document.createTextNode(text.slice(from, found.index)));
    if (code !== undefined) nodes.push(element('code', { text: code }));
    else if (label !== undefined) nodes.push(outsideLink(url ?? '', label.replaceAll('`', '')));
    else if (bold !== undefined) nodes.push(element('strong', {}, ...inlineMarkdown(bold)));
    else nodes.push(element('em', { text: italic ?? '' }));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** Each alternative is bounded by its own closing character, so that no text takes long to match. */
const INLINE =
  /`(?<code>[^`\n]+)`|\[(?<label>[^[\]\n]{1,400})\]\((?<url>[^\s()]{1,2000})\)|\*\*(?<bold>[^*\n]+)\*\*|(?<![\w*])[*_](?<italic>[^*_\s][^*_\n]{0,400})[*_](?![\w*])/g;

const BULLET = /^\s{0,8}[-*+]\s+/;
const NUMBER = /^\s{0,8}\d{1,3}[.)]\s+/;

function blocksOf(text: string): HTMLElement[] {
  const blocks: HTMLElement[] = [];
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? '';
    const until = endOf(lines, at);
    const own = lines.slice(at, until);
    at = until;
    if (line.trim() === '') continue;
    if (line.startsWith('```')) {
      blocks.push(
        element('pre', { class: 'code', text: own.slice(1, own.at(-1) === '```' ? -1 : undefined).join('\n') }),
      );
    } else if (BULLET.test(line)) blocks.push(listOf('ul', own, BULLET));
    else if (NUMBER.test(line)) blocks.push(listOf('ol', own, NUMBER));
    else {
      const heading = /^#{1,6}\s+/.exec(line);
      // A heading of the document is not part of the page's own outline.
      const inner = inlineMarkdown(heading ? line.slice(heading[0].length) : own.map((part) => part.trim()).join(' '));
      blocks.push(element('p', {}, ...(heading ? [element('strong', {}, ...inner)] : inner)));
    }
  }
  return blocks;
}

/** The index after the block that starts at `at`. */
function endOf(lines: readonly string[], at: number): number {
  const first = lines[at] ?? '';
  let end = at + 1;
  if (first.startsWith('```')) {
    while (end < lines.length && lines[end] !== '```') end += 1;
    return Math.min(end + 1, lines.length);
  }
  if (first.trim() === '' || first.startsWith('#')) return end;
  const kind = BULLET.test(first) ? BULLET : NUMBER.test(first) ? NUMBER : undefined;
  for (; end < lines.length; end += 1) {
    const line = lines[end] ?? '';
    if (line.trim() === '' || line.startsWith('```')) break;
    const starts = BULLET.test(line) || NUMBER.test(line);
    if (kind ? starts && !kind.test(line) : starts || line.startsWith('#')) break;
  }
  return end;
}

function listOf(tag: 'ul' | 'ol', lines: readonly string[], sign: RegExp): HTMLElement {
  const entries: string[] = [];
  for (const line of lines) {
    if (sign.test(line)) entries.push(line.replace(sign, ''));
    else entries.push(`${entries.pop() ?? ''} ${line.trim()}`);
  }
  return element(tag, {}, ...entries.map((entry) => element('li', {}, ...inlineMarkdown(entry))));
}
