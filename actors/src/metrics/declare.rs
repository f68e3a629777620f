//! How a metric is declared: once, with everything that is known of it.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector,
};

/// What is known of a metric besides its value.
pub(super) struct Declaration {
    /// Its name without the prefix `becamera_`.
    pub(super) name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub(super) kind: &'static str,
    /// Its help text: the doc comment's lines, one after the other.
    pub(super) help: &'static str,
    /// Names of its labels.
    pub(super) labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, in its unit.
    pub(super) buckets: &'static [f64],
}

impl Declaration {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn histogram_opts(&self) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help).buckets(self.buckets.to_vec())
    }
}

/// A type of metric that can be declared.
pub(super) trait Collected: Collector + Clone + Sized + 'static {
    /// What Prometheus calls it.
    const KIND: &'static str;

    /// A metric as declared, in no registry yet.
    fn create(declaration: &Declaration) -> Result<Self, prometheus::Error>;

    /// Drops the series with these values of all its labels, if there is one.
    fn forget(&self, values: &[&str]);

    /// A metric as declared, registered.
    fn register(registry: &Registry, declaration: &Declaration) -> Result<Self, prometheus::Error> {
        let metric = Self::create(declaration)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

macro_rules! single {
    ($type:ident, $kind:literal, $opts:ident) => {
        impl Collected for $type {
            const KIND: &'static str = $kind;

            fn create(declaration: &Declaration) -> Result<Self, prometheus::Error> {
                Self::with_opts(declaration.$opts())
            }

            fn forget(&self, _values: &[&str]) {}
        }
    };
}

macro_rules! labelled {
    ($type:ident, $kind:literal, $opts:ident) => {
        impl Collected for $type {
            const KIND: &'static str = $kind;

            fn create(declaration: &Declaration) -> Result<Self, prometheus::Error> {
                Self::new(declaration.$opts(), declaration.labels)
            }

            fn forget(&self, values: &[&str]) {
                // An absent series is as good as a removed one.
                let _ = self.remove_label_values(values);
            }
        }
    };
}

single!(Gauge, "gauge", opts);
single!(IntGauge, "gauge", opts);
single!(IntCounter, "counter", opts);
single!(Histogram, "histogram", histogram_opts);
labelled!(GaugeVec, "gauge", opts);
labelled!(IntGaugeVec, "gauge", opts);
labelled!(IntCounterVec, "counter", opts);
labelled!(HistogramVec, "histogram", histogram_opts);

/// Declares the struct `Metrics` with a field for each line of the table:
/// `/// help` `field: Type = "name" ["label", …] BUCKETS,`. The help text is the field's
/// documentation, what `/metrics` says, and what the reference says.
macro_rules! metrics {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $name:literal $([$($label:literal),*])? $($buckets:ident)?,
    )+) => {
        /// The service's metrics. Cheap to clone: every handle is shared.
        #[derive(Clone)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        impl Metrics {
            /// Every metric, in the order of the table.
            const DECLARATIONS: &[Declaration] = &[$(
                metrics!(@one $type, $name, [$($help),+], [$($($label),*)?], [$($buckets)?]),
            )+];

            fn register(registry: Registry) -> Result<Self, prometheus::Error> {
                Ok(Self {
                    $($field: Collected::register(
                        &registry,
                        &metrics!(@one $type, $name, [$($help),+], [$($($label),*)?], [$($buckets)?]),
                    )?,)+
                    registry,
                })
            }

            /// Drops the series of every metric that has exactly these labels.
            fn forget(&self, labels: &[&str], values: &[&str]) {
                $(if labels == &[$($($label),*)?] as &[&str] {
                    Collected::forget(&self.$field, values);
                })+
            }
        }
    };
    (@one $type:ty, $name:literal, [$($help:literal),+], [$($label:literal),*], [$($buckets:ident)?]) => {
        Declaration {
            name: $name,
            kind: <$type as Collected>::KIND,
            // Each line of a doc comment begins with a space.
            help: concat!($($help),+).trim_ascii(),
            labels: &[$($label),*],
            buckets: metrics!(@buckets $($buckets)?),
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}
pub(super) use metrics;
