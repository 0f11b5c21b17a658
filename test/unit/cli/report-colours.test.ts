import { LOOKS, STANDINGS } from '@temporal-http-tasks/evidence/internal/report/standings';
import { inkOn, luminanceOf } from '@temporal-http-tasks/evidence/internal/report/style';

type Colour = readonly [number, number, number];

/** How people see who lack one kind of cone, in linear RGB (Machado, Oliveira and Fernandes 2009, full severity). */
const EYES: Readonly<Record<string, readonly [Colour, Colour, Colour]>> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  'no red cones': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'no green cones': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  'no blue cones': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Distances in Oklab below this are hard to distinguish in small areas. */
const FAR_ENOUGH = 0.12;

const product = (matrix: readonly Colour[], [x, y, z]: Colour) =>
  matrix.map(([a, b, c]) => a * x + b * y + c * z) as unknown as Colour;

function linear(hex: string): Colour {
  return [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Colour;
}

function oklab(rgb: Colour): Colour {
  const cones = product(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  );
  const roots = cones.map(Math.cbrt) as unknown as Colour;
  return product(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    roots,
  );
}

const clamp = (colour: Colour) => colour.map((part) => Math.min(1, Math.max(0, part))) as unknown as Colour;

describe.each(['light', 'dark'] as const)('the colours of outcomes on a %s page', (theme) => {
  it.each(Object.entries(EYES))('can be distinguished with %s', (_, eyes) => {
    const seen = STANDINGS.map((standing) => ({
      standing,
      lab: oklab(clamp(product(eyes, linear(LOOKS[standing][theme])))),
    }));
    const tooClose = seen.flatMap((a, index) =>
      seen
        .slice(index + 1)
        .filter((b) => Math.hypot(...a.lab.map((part, at) => part - (b.lab[at] ?? 0))) < FAR_ENOUGH)
        .map((b) => `${a.standing} ${b.standing}`),
    );
    expect(tooClose).toEqual([]);
  });

  it('let words on them be read', () => {
    for (const standing of STANDINGS) {
      const [one, other] = [LOOKS[standing][theme], inkOn(LOOKS[standing][theme])].map(luminanceOf) as [number, number];
      expect((Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)).toBeGreaterThanOrEqual(4.5);
    }
  });
});
