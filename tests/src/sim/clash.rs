//! Two people at one cart in the same moment: one takes a line off while the other, who has put it
//! there, puts more of it in. Neither has seen what the other does.

use super::cashier::Cashier;
use super::site::Site;
use super::world::World;

/// Of so many lines rung up, somebody else is at the cart at that moment.
const CLASH_EVERY: u64 = 12;

impl World {
    /// Perhaps lets somebody at another till into the cart that the cashier of `site` has in hand.
    pub(super) fn clash(&mut self, site: usize) {
        if self.healed || !self.draws.workload.chance(1, CLASH_EVERY) {
            return;
        }
        let cart = self.sites.get(site).and_then(|one| one.cashier.cart_in_hand());
        let others: Vec<usize> = (0..self.sites.len())
            .filter(|other| *other != site)
            .filter(|other| self.sites.get(*other).and_then(Site::running).is_some())
            .collect();
        let (Some(cart), Some(&other)) = (cart, self.draws.workload.pick(&others)) else { return };
        let voided = self.at_desk(other, |cashier, desk| cashier.void_first(desk, cart));
        if voided.is_some_and(|(voided, _)| voided) {
            self.at_desk(site, |cashier: &mut Cashier, desk| cashier.raise_first(desk, cart));
            self.sight("line voided and raised at once");
        }
        self.settle(other);
    }
}
