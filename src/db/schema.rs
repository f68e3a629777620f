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
    samples (camera_id, bucket_start, run_id, seq) {
        camera_id -> Integer,
        bucket_start -> BigInt,
        run_id -> BigInt,
        seq -> Integer,
        frames -> Integer,
        people_last -> Integer,
        people_min -> Integer,
        people_max -> Integer,
        people_sum -> Integer,
        covered_ms -> Integer,
        inference_ms_mean -> Float,
        worker_id -> Text,
    }
}

diesel::table! {
    rollups (camera_id, level, bucket_start) {
        camera_id -> Integer,
        level -> Integer,
        bucket_start -> BigInt,
        frames -> BigInt,
        people_sum -> BigInt,
        people_min -> Integer,
        people_max -> Integer,
        covered_ms -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        at -> BigInt,
        who -> Text,
        address -> Nullable<Text>,
        action -> Text,
        camera_id -> Nullable<Integer>,
        worker_id -> Nullable<Text>,
        changes -> Text,
    }
}

diesel::joinable!(samples -> cameras (camera_id));
diesel::joinable!(rollups -> cameras (camera_id));
diesel::allow_tables_to_appear_in_same_query!(cameras, samples, rollups);
