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
        scene -> Nullable<Text>,
    }
}

diesel::table! {
    crossings (camera_id, run_id, seq) {
        camera_id -> Integer,
        run_id -> BigInt,
        seq -> Integer,
        line_id -> Text,
        direction -> Text,
        direction_name -> Text,
        track_id -> BigInt,
        at -> BigInt,
        confidence -> Float,
    }
}

diesel::table! {
    line_rollups (camera_id, level, bucket_start, line_id) {
        camera_id -> Integer,
        level -> Integer,
        bucket_start -> BigInt,
        line_id -> Text,
        crossed_in -> BigInt,
        crossed_out -> BigInt,
        raw_in -> BigInt,
        raw_out -> BigInt,
    }
}

diesel::table! {
    zone_rollups (camera_id, level, bucket_start, zone_id) {
        camera_id -> Integer,
        level -> Integer,
        bucket_start -> BigInt,
        zone_id -> Text,
        frames -> BigInt,
        covered_ms -> BigInt,
        people_sum -> BigInt,
        people_min -> Integer,
        people_max -> Integer,
        entries -> BigInt,
        exits -> BigInt,
        dwell_5 -> BigInt,
        dwell_10 -> BigInt,
        dwell_30 -> BigInt,
        dwell_60 -> BigInt,
        dwell_120 -> BigInt,
        dwell_300 -> BigInt,
        dwell_600 -> BigInt,
        dwell_1800 -> BigInt,
        dwell_more -> BigInt,
        dwell_sum_ms -> BigInt,
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
        site_id -> Nullable<Text>,
    }
}

diesel::table! {
    sites (id) {
        id -> Text,
        settings -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    site_corrections (site_id, id) {
        site_id -> Text,
        id -> BigInt,
        at -> BigInt,
        kind -> Text,
        amount -> BigInt,
    }
}

diesel::joinable!(samples -> cameras (camera_id));
diesel::joinable!(rollups -> cameras (camera_id));
diesel::allow_tables_to_appear_in_same_query!(cameras, samples, rollups);
