import { gcsBehind } from './gcs-behind.ts';
import { conformsBehind } from './hostile-drawn.ts';

conformsBehind('Google Cloud Storage', gcsBehind());
