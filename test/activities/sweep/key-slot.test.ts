import { setImmediate as turn } from 'node:timers/promises';
import { KeySlot, RateBacklog } from 'temporal-http-tasks/internal/activities/sweep/process-limits';
import type { Admission } from 'temporal-http-tasks/internal/activities/sweep/process-limits';

const entered = async (slot: KeySlot, beganAtMs = 0): Promise<Admission> => {
  const response = await slot.enter(beganAtMs);
  if (response === 'refused') throw new Error('The gate refused.');
  return response;
};

/** What the gate has decided by now; undefined while it lets wait. */
function listen(slot: KeySlot, beganAtMs: number): { admission?: string } {
  const heard: { admission?: string } = {};
  void Promise.resolve(slot.enter(beganAtMs)).then((admission) => {
    heard.admission = admission;
  });
  return heard;
}

describe('the gate of a key', () => {
  let slot: KeySlot;

  beforeEach(() => {
    slot = new KeySlot({ service: 'plaid' });
  });

  it('lets 64 calls through at a time, and the others in the order in which they came', async () => {
    for (let call = 0; call < 64; call += 1) expect(slot.enter(0)).toBe('call');
    const order: number[] = [];
    for (let call = 0; call < 3; call += 1) void Promise.resolve(slot.enter(0)).then(() => order.push(call));
    await turn();
    expect(order).toEqual([]);
    slot.leave('call', true);
    slot.leave('call', undefined);
    await turn();
    expect(order).toEqual([0, 1]);
  });

  it('lets no call overtake those who wait', async () => {
    for (let call = 0; call < 64; call += 1) void slot.enter(0);
    const first = listen(slot, 0);
    slot.leave('call', true);
    expect(slot.enter(0)).toBeInstanceOf(Promise);
    await turn();
    expect(first.admission).toBe('call');
  });

  it('rejects every call once the provider refuses the key, also those who wait', async () => {
    const calls = await Promise.all(Array.from({ length: 64 }, () => entered(slot)));
    const waiting = listen(slot, 0);
    for (const call of calls.slice(1)) slot.leave(call, true);
    expect(slot.refuses(0)).toBe(false);
    const others = Array.from({ length: 63 }, () => listen(slot, 0));
    const last = listen(slot, 0);
    slot.leave(calls[0] ?? 'call', false);
    await turn();
    expect(waiting.admission).toBe('call');
    expect(others.slice(0, 62).map(({ admission }) => admission)).toEqual(Array.from({ length: 62 }, () => 'call'));
    expect(last.admission).toBe('refused');
    expect(slot.refuses(0)).toBe(true);
    expect(slot.enter(0)).toBe('refused');
  });

  it('lets one call of a chunk that began after the refusal try the key, and the others when it is good again', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    expect(slot.refuses(later)).toBe(false);
    expect(slot.enter(later)).toBe('trial');
    const others = [listen(slot, later), listen(slot, later)];
    await turn();
    expect(others.map(({ admission }) => admission)).toEqual([undefined, undefined]);
    slot.leave('trial', true);
    await turn();
    expect(others.map(({ admission }) => admission)).toEqual(['call', 'call']);
    expect(slot.enter(0)).toBe('call');
  });

  it('refuses all who waited for a trial that was refused too: it was made for all of them', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(slot.enter(later)).toBe('trial');
    const other = listen(slot, later);
    slot.leave('trial', false);
    await turn();
    expect(other.admission).toBe('refused');
  });

  it('tries again when a trial said nothing about the key', async () => {
    slot.leave(await entered(slot), false);
    const later = performance.now() + 1;
    expect(slot.enter(later)).toBe('trial');
    const other = listen(slot, later);
    slot.leave('trial', undefined);
    await turn();
    expect(other.admission).toBe('trial');
  });

  it('is not opened by calls that were in flight when the key was refused', async () => {
    const before = await entered(slot);
    slot.leave(await entered(slot), false);
    slot.leave(before, true);
    expect(slot.enter(0)).toBe('refused');
  });
});

describe('the calls that wait for the rate of a key', () => {
  let backlog: RateBacklog;
  let release: (admitted: boolean) => void;

  beforeEach(() => {
    jest.useFakeTimers();
    backlog = new RateBacklog();
  });
  afterEach(() => jest.useRealTimers());

  /** Makes this many calls wait until `release`. */
  function wait(calls: number): Promise<boolean[]> {
    const gate = new Promise<boolean>((resolve) => (release = resolve));
    return Promise.all(Array.from({ length: calls }, () => backlog.wait(() => gate)));
  }

  async function isOver(done: Promise<void>): Promise<boolean> {
    let over = false;
    void done.then(() => (over = true));
    await jest.advanceTimersByTimeAsync(0);
    return over;
  }

  it('show that the rate is the bottleneck when many have waited for half a second, and no longer when few have for two', async () => {
    const waiting = wait(40);
    expect(backlog.isPaced).toBe(false);
    await jest.advanceTimersByTimeAsync(600);
    expect(backlog.isPaced).toBe(true);
    release(true);
    expect(await waiting).toHaveLength(40);
    expect(backlog.isPaced).toBe(true);
    await jest.advanceTimersByTimeAsync(2_100);
    expect(backlog.isPaced).toBe(false);
  });

  it('do not show it by the first lease of a sweep, for which all wait, nor by a few', async () => {
    const waiting = wait(64);
    await jest.advanceTimersByTimeAsync(300);
    release(true);
    await waiting;
    void wait(3);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(backlog.isPaced).toBe(false);
  });

  it('let as many users be begun together as calls were admitted in the last second, within bounds', async () => {
    expect(backlog.wave).toBe(4);
    const some = wait(15);
    release(true);
    await some;
    expect(backlog.wave).toBe(15);
    const many = wait(100);
    release(true);
    await many;
    expect(backlog.wave).toBe(32);
    await jest.advanceTimersByTimeAsync(1_500);
    expect(backlog.wave).toBe(4);
    const refused = wait(15);
    release(false);
    await refused;
    expect(backlog.wave).toBe(4);
  });

  it('hold more users back until few wait, the time is over, or the chunk stops', async () => {
    const stop = new AbortController();
    expect(await isOver(backlog.untilFew(stop.signal, 60_000))).toBe(true);
    const waiting = wait(40);
    await jest.advanceTimersByTimeAsync(600);
    const [few, late, stopped] = [
      backlog.untilFew(new AbortController().signal, 60_000),
      backlog.untilFew(new AbortController().signal, 1_000),
      backlog.untilFew(stop.signal, 60_000),
    ];
    expect(await Promise.all([few, late, stopped].map(isOver))).toEqual([false, false, false]);
    stop.abort();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await Promise.all([few, late, stopped].map(isOver))).toEqual([false, true, true]);
    release(true);
    await waiting;
    expect(await isOver(few)).toBe(true);
  });
});
