-- Makes the next statements of a batch read indexes by bitmaps, the only way to read a GIN index,
-- until use_indexes. Uses no index.
SELECT set_config('enable_bitmapscan', 'on', true), set_config('enable_indexscan', 'off', true);
