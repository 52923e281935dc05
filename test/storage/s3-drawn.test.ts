import { conformsBehind } from './hostile-drawn.ts';
import { s3Behind } from './s3-behind.ts';

conformsBehind('S3', s3Behind());
