import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { googleKey } from '../support/google-key.ts';
import { mismatch, parseCredentials } from '../../domain/storage-credentials.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const wrong = (text: string): string => {
  const parsed = parseCredentials(base64(text));
  return 'wrong' in parsed ? parsed.wrong : '';
};

const id = 'AKIAIOSFODNN7EXAMPLE';
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const file = `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\nregion = us-east-1\n`;
const s3 = { scheme: 's3', accessKeyId: id, secretAccessKey: secret, region: 'us-east-1' };

const { privateKey: pem } = googleKey();
const key = {
  type: 'service_account',
  project_id: 'my-project',
  private_key_id: 'abc',
  private_key: pem,
  client_email: 'backup@my-project.iam.gserviceaccount.com',
  token_uri: 'http://169.254.169.254/token',
  universe_domain: 'evil.example',
};
const elliptic = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;
const gcs = {
  scheme: 'gs',
  clientEmail: key.client_email,
  privateKey: pem,
  projectId: 'my-project',
};

describe('an AWS credentials file', () => {
  test.each([
    ['as it is printed', file],
    ['without its section', file.replace('[default]\n', '')],
    ['with the line ends of Windows', file.replaceAll('\n', '\r\n')],
    ['with \\n as two characters', file.trim().replaceAll('\n', '\\n')],
    ['in braces', `{\n${file}}`],
    ['in braces, with \\n as two characters', `{${file.replaceAll('\n', '\\n')}}`],
    ['with comments and blank lines', `# mine\n\n; yours\n${file}\n\n`],
    ['without blanks, keys in capitals', file.replaceAll(' = ', '=').replace('region', 'REGION')],
  ])('is read %s', (_how, text) => {
    expect(parseCredentials(base64(text))).toEqual(s3);
    expect(parseCredentials([...Buffer.from(text)])).toEqual(s3);
  });

  test('is read from base64 that is wrapped into lines', () => {
    const wrapped = base64(file).replaceAll(/(.{20})/g, '$1\r\n ');
    expect(parseCredentials(wrapped)).toEqual(s3);
  });

  test('may have a session token and an address', () => {
    const more = `${file}aws_session_token = FwoGZXIvYXdzEDo==\nendpoint_url = http://127.0.0.1:7070\n`;
    expect(parseCredentials(base64(more))).toEqual({
      ...s3,
      sessionToken: 'FwoGZXIvYXdzEDo==',
      endpointUrl: 'http://127.0.0.1:7070',
    });
  });

  test.each([
    [`${file}credential_process = /bin/sh -c evil\n`, 'credential_process is not allowed'],
    [`${file}role_arn = arn:aws:iam::1:role/x\n`, 'role_arn is not allowed'],
    [`${file}web_identity_token_file = /etc/passwd\n`, 'web_identity_token_file is not allowed'],
    [`${file}source_profile = other\n`, 'source_profile is not allowed'],
    [`${file}credential_source = Ec2InstanceMetadata\n`, 'credential_source is not allowed'],
    [`${file}sso_session = x\n`, 'sso_session is not allowed'],
    [`${file}sso_start_url = http://169.254.169.254\n`, 'sso_start_url is not allowed'],
    [`${file}ca_bundle = /etc/passwd\n`, 'ca_bundle is not allowed'],
    [`${file}services = mine\n`, 'services is not allowed'],
    [`${file}s3 =\n  endpoint_url = http://169.254.169.254\n`, 's3 is not allowed'],
    [`${file}  credential_process = /bin/sh\n`, 'credential_process is not allowed'],
    [`${file}Credential_Process=/bin/sh\n`, 'credential_process is not allowed'],
    [`${file}\\ncredential_process = /bin/sh\\n`, 'credential_process is not allowed'],
    [`${file}[profile default]\nrole_arn = x\n`, 'line 5 begins another section'],
    [`${file}[services mine]\ns3 =\n  endpoint_url = x\n`, 'line 5 begins another section'],
    [`${file}aws_secret_access_key = another\n`, 'aws_secret_access_key is there twice'],
    [`${file}aws_session_token = ${'a'.repeat(8193)}\n`, 'the value of aws_session_token'],
    [`${file}region = x.evil.example/\n`.replace('region = us-east-1\n', ''), 'the value of region'],
    [`${file}region = us-east-1#\n`.replace('region = us-east-1\n', ''), 'the value of region'],
    [`${file}[other]\n`, 'line 5 begins another section'],
    [`${file}region = eu-west-1\n`, 'region is there twice'],
    ['[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE', 'aws_secret_access_key is missing'],
    [`aws_secret_access_key = ${secret}`, 'aws_access_key_id is missing'],
    [file.replace(id, 'two words'), 'the value of aws_access_key_id'],
    [`${file}endpoint_url = file:///etc/passwd`, 'the value of endpoint_url'],
    [`${file}endpoint_url = https://user:pw@host/`, 'the value of endpoint_url'],
    ['hello', 'what line 1 says is not allowed'],
    [' \n ', 'empty'],
  ])('is refused: %j', (text, why) => {
    expect(wrong(text)).toContain(why);
  });
});

describe("a Google service account's key", () => {
  test.each([
    ['as it is', JSON.stringify(key)],
    ['in lines', JSON.stringify(key, null, 2)],
    ['with real line ends in its private key', JSON.stringify(key, null, 2).replaceAll('\\n', '\n')],
    ['with the line ends of Windows there', JSON.stringify(key).replaceAll('\\n', '\r\n')],
  ])('is read %s, its addresses are not', (_how, text) => {
    expect(parseCredentials(base64(text))).toEqual(gcs);
    expect(parseCredentials([...Buffer.from(text)])).toEqual(gcs);
  });

  test.each([
    [JSON.stringify({ ...key, type: 'authorized_user' }), 'its type is not service_account'],
    [JSON.stringify({ ...key, type: 'external_account' }), 'its type is not service_account'],
    [JSON.stringify({ ...key, type: 'external_account_authorized_user' }), 'its type is not service_account'],
    [JSON.stringify({ ...key, type: 'impersonated_service_account' }), 'its type is not service_account'],
    [JSON.stringify({ ...key, type: 'gdch_service_account' }), 'its type is not service_account'],
    [JSON.stringify({ ...key, type: ['service_account'] }), 'its type is not service_account'],
    [`${JSON.stringify(key).slice(0, -1)},"type":"authorized_user"}`, 'its type is not service_account'],
    [JSON.stringify([key]), 'in base64'],
    [JSON.stringify({ ...key, client_email: `${'a'.repeat(200)}@b` }), 'client_email'],
    [JSON.stringify({ ...key, private_key: pem.slice(0, 400) + pem.slice(-30) }), 'no RSA key in PEM'],
    [JSON.stringify({ ...key, private_key: elliptic }), 'no RSA key in PEM'],
    [
      JSON.stringify({ ...key, private_key: pem.replace('-----END', `${'A\n'.repeat(10_000)}-----END`) }),
      'no RSA key in PEM',
    ],
    [JSON.stringify({ ...key, client_email: undefined }), 'client_email is missing'],
    [JSON.stringify({ ...key, private_key: 'secret' }), 'private_key is missing or is no RSA key in PEM'],
    ['{"type": "service_account",', 'no JSON'],
    ['{}', 'its type is not'],
  ])('is refused: %.40j', (text, why) => {
    expect(wrong(text)).toContain(why);
  });
});

test.each(['', '====', 'not base64!', 'abc', '\u0000', '/////w=='])('%j are no credentials', (text) => {
  expect(parseCredentials(text)).toEqual({ wrong: expect.stringContaining('in base64') });
});

test("credentials of the other cloud are told with the bucket's right address", () => {
  const google = parseCredentials(base64(JSON.stringify(key)));
  const amazon = parseCredentials(base64(file));
  if ('wrong' in google || 'wrong' in amazon) throw new Error('well-formed credentials were refused');
  expect(mismatch('s3', 'my_backup_bucket', google)).toContain(
    'these credentials are a Google service account: write gs://my_backup_bucket',
  );
  expect(mismatch('gs', 'mine', amazon)).toContain('AWS credentials file: write s3://mine');
  expect([mismatch('gs', 'mine', google), mismatch('s3', 'mine', amazon)]).toEqual([undefined, undefined]);
});

describe('whatever comes in', () => {
  const noise = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .array(fc.constantFrom(...file, '\\', '{', '}', '[', '"', '='))
      .map((characters) => characters.join('')),
  );

  test('is read or refused, and quickly', () => {
    fc.assert(
      fc.property(noise, fc.nat(), (text, at) => {
        const where = at % file.length;
        for (const content of [text, file.slice(0, where) + text + file.slice(where)]) {
          const parsed = parseCredentials(base64(content));
          expect('wrong' in parsed || parsed.scheme === 's3' || parsed.scheme === 'gs').toBe(true);
        }
      }),
    );
    // What takes time by the square of the length would take many minutes.
    const begin = performance.now();
    for (const filler of [' ', '=', 'a', '"', '\\', '{', '-']) {
      parseCredentials(base64(`a${filler.repeat(500_000)}a`));
      parseCredentials(base64(`{"${filler.repeat(500_000)}`));
    }
    expect(performance.now() - begin).toBeLessThan(60_000);
  });

  test('a refusal has nothing of the secret, wherever the file is broken', () => {
    fc.assert(
      fc.property(fc.nat(file.length), fc.constantFrom('\n', ' ', '=', '[', '\u0000'), (at, breaker) => {
        const said = wrong(file.slice(0, at) + breaker + file.slice(at));
        for (let from = 0; from + 8 <= secret.length; from += 1) {
          expect(said.toLowerCase()).not.toContain(secret.slice(from, from + 8).toLowerCase());
        }
      }),
      { numRuns: 500 },
    );
  });
});
