import { describe, expect, test } from '@jest/globals';
import { loadTokens, parseTokens } from '../../../api/auth/tokens-file.ts';

describe('the tokens file', () => {
  test('has comments, empty lines, names of several words, roles in any case', () => {
    const tokens = parseTokens(
      '# who\r\n\n  abc  acme  Administrator  the night shift \r\ndef acme MEMBER\n',
      'f',
    );
    expect(tokens.find('abc')).toEqual({
      organization: 'acme',
      role: 'administrator',
      subject: 'the night shift',
      how: 'tokens_file',
    });
    expect(tokens.find('def')).toEqual({
      organization: 'acme',
      role: 'operator',
      subject: 'line 4',
      how: 'tokens_file',
    });
    for (const wrong of ['', 'ab', 'abcd', '#', 'acme']) expect(tokens.find(wrong)).toBeUndefined();
  });

  test('names every wrong line by its number and never shows a token', () => {
    const text = 'sesame acme\nsesame2 acme king\nsesame3 acme viewer\nsesame3 other viewer\nsesame4';
    const parse = (): unknown => parseTokens(text, '/etc/tokens');
    expect(parse).toThrow(/Line 1 of the tokens file \/etc\/tokens has to be/);
    expect(parse).toThrow(/Line 2 .* unknown role; there are viewer, operator, administrator/);
    expect(parse).toThrow(/Line 4 .* same token as line 3/);
    expect(parse).toThrow(/Line 5/);
    expect(parse).not.toThrow(/sesame/);
  });

  test('cannot be empty or missing', () => {
    expect(() => parseTokens('# nobody\n', 'f')).toThrow('The tokens file f has no token.');
    expect(() => loadTokens('/nowhere/tokens')).toThrow(/\/nowhere\/tokens cannot be read/);
  });
});
