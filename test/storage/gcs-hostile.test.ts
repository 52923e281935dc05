import { gcsBehind } from './gcs-behind.ts';
import { worksBehind } from './hostile-drawn.ts';
import { hostile } from './hostile.ts';

hostile('Google Cloud Storage', gcsBehind());
worksBehind('Google Cloud Storage', gcsBehind());
