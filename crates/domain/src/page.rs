//! Stored things, read a page at a time.

/// A page of what a query found, in the query's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// At most as many as the query's limit.
    pub items: Vec<T>,
    /// Whether more follow after the last item.
    pub more: bool,
}

impl<T> Page<T> {
    /// The page that `found` makes, of which one more than `limit` were asked for: that one shows
    /// that more follow, and is not part of the page.
    ///
    /// ```
    /// use becamera_domain::Page;
    ///
    /// let page = Page::of(vec!["a", "b", "c"], 2);
    /// assert_eq!(page, Page { items: vec!["a", "b"], more: true });
    /// ```
    pub fn of(mut found: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = found.len() > limit;
        found.truncate(limit);
        Self { items: found, more }
    }

    /// A page of what each item becomes.
    ///
    /// # Errors
    /// The first that `change` answers.
    pub fn try_map<U, E>(self, change: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(change).collect::<Result<_, _>>()?;
        Ok(Page { items, more: self.more })
    }

    /// The last item, if more follow it: where the next page begins.
    pub fn last_before_more(&self) -> Option<&T> {
        self.items.last().filter(|_| self.more)
    }
}
