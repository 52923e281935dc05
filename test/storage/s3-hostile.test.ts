import { worksBehind } from './hostile-drawn.ts';
import { hostile } from './hostile.ts';
import { s3Behind } from './s3-behind.ts';

hostile('S3', s3Behind());
worksBehind('S3', s3Behind());
