import { asSentence, didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { refusal } from 'temporal-http-tasks/internal/activities/refusals';

describe('a message about an unknown name', () => {
  it.each([
    [`unknown step plaid.item${didYouMean('plaid.item', ['plaid.items'])}`, /; did you mean plaid\.items\?$/],
    [`unknown step x${didYouMean('x', ['plaid.items'])}`, /unknown step x\.$/],
    ['contains two sentences. It ends here.', /here\.$/],
  ])('ends with one mark: %s', (message, end) => {
    expect(asSentence(message)).toMatch(end);
    expect(refusal('exclude.0', message).message).toMatch(end);
  });
});
