//! Whether something goes on, as whoever looks now and then sees it.

/// Looks at a connection without a stream before it is closed.
const LOOKS_MAX: u32 = 5;

/// A connection on which nothing goes on takes the place of one that has something to do.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    looks: u32,
}

impl Idle {
    /// Somebody looked: whether the connection is to be closed, since it was found without a stream once too often
    /// in a row.
    pub(crate) fn look(&mut self, has_streams: bool) -> bool {
        self.looks = match has_streams {
            true => 0,
            false => self.looks.saturating_add(1),
        };
        self.looks > LOOKS_MAX
    }
}

/// Content on its way in: whether any of it came since the last look.
#[derive(Debug)]
pub(crate) struct Crawl {
    there: u64,
}

impl Crawl {
    /// So many bytes are there at the beginning.
    pub(crate) fn new(there: u64) -> Self {
        Self { there }
    }

    /// Somebody looked: whether nothing came meanwhile.
    pub(crate) fn look(&mut self, there: u64) -> bool {
        let stands = there == self.there;
        self.there = there;
        stands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_closed_when_it_was_found_idle_six_times_in_a_row() {
        let mut idle = Idle::default();
        let found = [false; 5].map(|streams| idle.look(streams));
        assert_eq!(found, [false; 5]);
        assert!(!idle.look(true), "a stream came in time");
        let found = [false; 7].map(|streams| idle.look(streams));
        assert_eq!(found, [false, false, false, false, false, true, true]);
    }

    #[test]
    fn a_fill_stands_still_when_nothing_came_since_the_last_look() {
        let mut crawl = Crawl::new(100);
        assert!(!crawl.look(101));
        assert!(!crawl.look(5_000));
        assert!(crawl.look(5_000));
        assert!(Crawl::new(7).look(7));
    }
}
