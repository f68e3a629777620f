//! The tables, as both databases have them; see `migrations/`.

diesel::table! {
    cameras (id) {
        id -> Integer,
        name -> Nullable<Text>,
        stream_url -> Text,
        settings -> Text,
        desired_state -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    samples (camera_id, bucket_start) {
        camera_id -> Integer,
        bucket_start -> BigInt,
        frames -> Integer,
        people_last -> Integer,
        people_max -> Integer,
        people_mean -> Float,
        inference_ms_mean -> Float,
        worker_id -> Text,
    }
}

diesel::joinable!(samples -> cameras (camera_id));
diesel::allow_tables_to_appear_in_same_query!(cameras, samples);
