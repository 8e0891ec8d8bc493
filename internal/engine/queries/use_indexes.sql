-- Ends use_bitmaps: the next statements of a batch read indexes as begin has set it. Uses no index.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_indexscan', 'on', true);
