import { LOOKS, STANDINGS } from './standings';

type Theme = 'light' | 'dark';

const THEMES: Readonly<Record<Theme, Readonly<Record<string, string>>>> = {
  light: {
    page: '#f5f6f8',
    card: '#ffffff',
    edge: '#ffffff',
    ink: '#171b21',
    soft: '#56606c',
    line: '#d9dde2',
    accent: '#4a6078',
    good: '#28467d',
    bad: '#861403',
  },
  dark: {
    page: '#0e1115',
    card: '#171b21',
    edge: '#171b21',
    ink: '#eceff3',
    soft: '#a4adb8',
    line: '#343b45',
    accent: '#93aac4',
    good: '#8fb4f0',
    bad: '#ff9a91',
  },
};

/** Returns the page's colours by name; those of outcomes by their names, each with a readable text colour. */
function colours(theme: Theme): string {
  const own = Object.entries(THEMES[theme]).map(([name, colour]) => `--${name}:${colour}`);
  const outcomes = STANDINGS.flatMap((standing) => {
    const colour = LOOKS[standing][theme];
    return [`--${standing}:${colour}`, `--on-${standing}:${inkOn(colour)}`];
  });
  return [...own, ...outcomes].join(';');
}

/** Returns black or white, whichever has more contrast. */
export function inkOn(colour: string): string {
  const luminance = luminanceOf(colour);
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

/** Returns the relative luminance of WCAG 2. */
export function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const MARKS = STANDINGS.map(
  (standing) => `.mark.${standing},.swatch.${standing}{background:var(--${standing});color:var(--on-${standing})}`,
).join('\n');

/** The style of the page. */
export const STYLE = `
:root{color-scheme:light dark;${colours('light')}}
@media (prefers-color-scheme:dark){:root{${colours('dark')}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);overflow-wrap:anywhere;
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 16px 64px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 8px}
h2{font-size:1.15rem;line-height:1.3;margin:0 0 4px}
p{margin:0 0 8px}
code{font:.86em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.eyebrow{color:var(--soft);font-size:.85rem;letter-spacing:.04em;text-transform:uppercase;margin:0 0 4px}
.status{display:inline-block;border:1px solid var(--line);border-radius:999px;padding:1px 12px;font-size:.9rem;
color:var(--soft);margin:0 0 16px}
.status.completed{border-color:var(--good);color:var(--good)}
.status.partial,.status.failed,.status.cancelled,.status.paused{border-color:var(--bad);color:var(--bad)}
.sentence{font-size:1.45rem;line-height:1.3;font-weight:600;margin:0 0 8px}
.further,.note{color:var(--soft)}
.note{font-size:.92rem}
.strong{color:var(--ink);font-weight:600}
.card,header{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:24px;margin:0 0 16px}
dl,dd,figure{margin:0}
.card{margin:0 0 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:20px 0}
.tile{border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tile dt{color:var(--soft);font-size:.88rem}
.tile dd{font-size:1.7rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.tile small{font-size:.85rem;font-weight:400;color:var(--soft);margin-left:8px}
.tile.good dd{color:var(--good)}
.tile.bad{border-color:var(--bad)}
.tile.bad dd{color:var(--bad)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:12px 24px;padding-top:16px;
border-top:1px solid var(--line)}
.facts+.facts{margin-top:16px}
.facts dt{color:var(--soft);font-size:.85rem}
.facts .long{grid-column:span 2}
.plot{display:block;max-width:100%;height:auto;margin:12px 0 4px}
.plot text{font-family:inherit;font-variant-numeric:tabular-nums}
.narrow{display:none}
details{margin-top:8px;font-size:.92rem}
summary{cursor:pointer;color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-top:1px solid var(--line);font-weight:400}
thead th{color:var(--soft);border-top:0}
.number{text-align:right}
.scroll{overflow-x:auto}
.numbers{width:auto;margin:8px 0;overflow-wrap:normal}
.people{table-layout:fixed}
.people th:nth-child(1){width:21%}
.people th:nth-child(2){width:13%}
.people th:nth-child(3){width:11%}
.people th:nth-child(4){width:17%}
.people th:nth-child(5){width:14%}
.subject{display:block;color:var(--soft)}
.mark{display:inline-block;white-space:nowrap;border-radius:6px;padding:0 8px;font-size:.88rem}
.swatch{display:inline-block;width:.9em;height:.9em;border-radius:3px;margin-right:8px;vertical-align:-1px;border:1px solid var(--line)}
.legend{display:grid;grid-template-columns:repeat(auto-fill,minmax(290px,1fr));gap:8px 24px;font-size:.88rem;margin:12px 0}
.legend dt{font-weight:600}
.legend dd,.soft{color:var(--soft)}
.legend .soft{font-weight:400;margin-left:6px}
.questions th{width:13em;font-weight:600;padding-right:24px}
.questions p{margin:0 0 4px}
.questions .numbers th,.questions .numbers td{width:auto;font-weight:400}
.root{border:1px solid var(--line);border-radius:8px;padding:10px 14px;margin:12px 0}
ol{padding-left:1.3em;margin:8px 0}
li{margin:0 0 6px}
.sign{display:grid;grid-template-columns:1fr 1fr 1fr;gap:24px;margin-top:48px}
.sign p{border-top:1px solid var(--soft);color:var(--soft);font-size:.85rem;padding-top:4px;margin:0}
footer{color:var(--soft);font-size:.85rem}
${MARKS}
@media (max-width:700px){
main{padding:16px 10px 40px}
.card,header{padding:16px}
h1{font-size:1.45rem}
.sentence{font-size:1.2rem}
.wide{display:none}
.narrow{display:block}
.tiles{grid-template-columns:1fr 1fr}
.tile:last-child:nth-child(odd){grid-column:span 2}
.facts{grid-template-columns:1fr 1fr;gap:12px}
.people thead{display:none}
.people,.people tbody,.people tr,.people th[scope=row],.people td,.questions,
.questions>tbody,.questions>tbody>tr,.questions>tbody>tr>th,.questions>tbody>tr>td{display:block;width:auto}
.people tr{border-top:1px solid var(--line);padding:10px 0}
.people th[scope=row],.people td{border:0;padding:2px 0 2px 7.5em;position:relative;min-height:1.5em}
.people [data-label]::before{content:attr(data-label);position:absolute;left:0;color:var(--soft)}
.people td:has(>code:only-child:empty){display:none}
.questions>tbody>tr>td{border:0;padding-top:0}
.questions .numbers{width:100%}
.questions .numbers code{overflow-wrap:anywhere}
.questions .numbers td:nth-child(2){width:70%}
.sign{grid-template-columns:1fr;gap:44px}
}
@media print{
:root{color-scheme:light;${colours('light')};--page:#ffffff;font-size:11px}
body{-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:none;padding:0}
.card,header{border:0;border-top:1px solid var(--line);border-radius:0;padding:12px 0;margin:0}
.card,tr{break-inside:avoid}
#people,#evidence{break-inside:auto}
.wide{display:block}
.narrow{display:none}
.tiles{grid-template-columns:repeat(auto-fit,minmax(120px,1fr))}
.tile:last-child:nth-child(odd){grid-column:auto}
details::details-content{content-visibility:visible;block-size:auto}
summary,.long-table{display:none}
.people{font-size:.85rem}
}
`;
