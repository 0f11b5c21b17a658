import { createHash } from 'node:crypto';
import { Markup, html } from './markup';
import { STYLE } from './style';

/**
 * Returns a whole, self-contained page. Its policy forbids every script and every request, so that even text that was
 * not escaped could not do anything.
 *
 * @param moreStyle The style that only this page has, in addition to the common one.
 */
export function page(title: string, body: readonly Markup[], moreStyle = ''): string {
  const style = `${STYLE}${moreStyle}`;
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
${body}</main>
</body>
</html>
`.text;
}
