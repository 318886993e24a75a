-- The dead letters of one list are limited.
create index if not exists darkroom_dead_letters_list on darkroom_dead_letters (list, id);
